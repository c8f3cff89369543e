/** One subscription of the application's: events as an async iterator, or to listeners. */

import { RealtimeError } from './errors.js';
import type { Frame, Gap, Json, RealtimeEvent } from './frames.js';
import { Inbox } from './inbox.js';
import { Listeners } from './listeners.js';
import type { Follower, Room, Start } from './room.js';
import type { Rooms } from './rooms.js';

export interface SubscribeOptions extends Start {
  /** Resume after it: `subscription.cursor` of before. It beats `history`. */
  readonly cursor?: string;
  /** Begin with the last N events, 0 to 300. */
  readonly history?: number;
  /** Also tell who comes and goes (`room.joined`, `room.left`). */
  readonly presence?: boolean;
  /** Ends the subscription. */
  readonly signal?: AbortSignal;
  /** How many events may wait for an iterator; then it ends with `slow_consumer`. 1,000 by default. */
  readonly bound?: number;
}

export interface SubscriptionEvents<T> {
  event: RealtimeEvent<T>;
  /** It stands, also after each reconnect. */
  subscribed: { readonly cursor: string; readonly recovered?: boolean };
  /** All that was missed has come. */
  caught_up: undefined;
  gap: Gap;
  /** It is over; with the reason, unless it was closed here. */
  ended: RealtimeError | undefined;
}

/**
 * Lives until `close()`, its signal, or a refusal that does not pass; reconnects do not end it, and
 * nothing is missed or comes twice over them. What cannot be had any more is told as `gap`.
 */
export class Subscription<T = Json> implements AsyncIterable<RealtimeEvent<T>>, Follower {
  /** Resolves when the server has confirmed it the first time; rejects where it refuses. */
  readonly ready: Promise<void>;
  readonly #listeners = new Listeners<SubscriptionEvents<T>>();
  readonly #inboxes = new Set<Inbox<RealtimeEvent<T>>>();
  /** Keeps what comes before anybody listens. */
  #early: Inbox<RealtimeEvent<T>> | undefined;
  #room: Room | undefined;
  #cursor: string | undefined;
  #error: RealtimeError | undefined;
  #ended = false;
  #settle: { resolve(): void; reject(error: RealtimeError): void } | undefined;
  readonly #abort = () => this.close();

  constructor(
    readonly room: string,
    private readonly rooms: Rooms,
    private readonly options: SubscribeOptions,
    private readonly past: (limit: number) => Promise<readonly RealtimeEvent[]>,
  ) {
    this.#early = this.#inbox();
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.ready.catch(() => {}); // who does not wait for it hears of `ended`
    this.#follow();
  }

  /** Resume after it: that of the last event taken, or later where all were. */
  get cursor(): string | undefined {
    const waiting = [this.#early, ...this.#inboxes].some(each => each && each.size > 0);
    return waiting ? this.#cursor : (this.#room?.cursor ?? this.#cursor);
  }

  get closed(): boolean {
    return this.#ended;
  }

  /** Listen; the function that is returned removes the listener. The first of `event` gets what has come. */
  on<K extends keyof SubscriptionEvents<T>>(
    name: K,
    listener: (value: SubscriptionEvents<T>[K]) => void,
  ): () => void {
    const remove = this.#listeners.on(name, listener);
    if (name === 'event' && this.#early) {
      const early = this.#early.take();
      this.#early = undefined;
      for (const event of early) this.#listeners.emit('event', event);
    }
    return remove;
  }

  off<K extends keyof SubscriptionEvents<T>>(
    name: K,
    listener: (value: SubscriptionEvents<T>[K]) => void,
  ): void {
    this.#listeners.off(name, listener);
  }

  /** The events from now on; the first iterator begins with what has come. Leaving the loop ends the iterator only. */
  [Symbol.asyncIterator](): AsyncIterableIterator<RealtimeEvent<T>, undefined> {
    const inbox = this.#early ?? this.#inbox();
    this.#early = undefined;
    if (this.#ended) inbox.end(this.#error);
    else this.#inboxes.add(inbox);
    const take = async () => {
      const result = await inbox.next();
      if (!result.done && result.value.cursor) this.#cursor = result.value.cursor;
      return result;
    };
    const iterator: AsyncIterableIterator<RealtimeEvent<T>, undefined> = {
      next: take,
      return: () => inbox.return(),
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  /** End it. Idempotent. */
  close(): void {
    this.#end(undefined);
  }

  #inbox(): Inbox<RealtimeEvent<T>> {
    const inbox: Inbox<RealtimeEvent<T>> = new Inbox(this.options.bound ?? 1000, () =>
      this.#inboxes.delete(inbox),
    );
    return inbox;
  }

  #follow(): void {
    const { signal, cursor, history, presence } = this.options;
    if (signal?.aborted) {
      this.#end(new RealtimeError('cancelled'));
      return;
    }
    signal?.addEventListener('abort', this.#abort, { once: true });
    const shared = this.rooms.get(this.room);
    if (shared && cursor !== undefined) {
      this.#end(
        new RealtimeError('conflict', 'this client follows the room already, from elsewhere'),
      );
      return;
    }
    if (shared && history) void this.#join(history);
    this.#room = this.rooms.follow(this.room, this, { cursor, history }, presence);
    if (this.#room.stands) this.#settle?.resolve();
  }

  /** The room is followed here already: its past is read beside it, and what comes waits for that. */
  #held: Frame[] | undefined;
  async #join(history: number): Promise<void> {
    this.#held = [];
    try {
      const past = await this.past(history);
      const held = this.#held.filter(frame => !past.some(each => each.event_id === frame.event_id));
      this.#held = undefined;
      for (const event of [...past, ...held]) this.onevent(event as unknown as Frame);
    } catch (error) {
      this.#end(error as RealtimeError);
    }
  }

  onevent(frame: Frame): void {
    if (this.#held) {
      this.#held.push(frame);
      return;
    }
    const event = frame as unknown as RealtimeEvent<T>;
    if (this.#early) this.#early.put(event);
    for (const inbox of this.#inboxes) inbox.put(event);
    this.#listeners.emit('event', event);
  }

  onsubscribed(frame: Frame): void {
    this.#settle?.resolve();
    const recovered = typeof frame.recovered === 'boolean' ? frame.recovered : undefined;
    this.#listeners.emit('subscribed', { cursor: String(frame.cursor), recovered });
  }

  oncaughtup(): void {
    this.#listeners.emit('caught_up', undefined);
  }

  ongap(gap: Gap): void {
    this.#listeners.emit('gap', gap);
  }

  onended(error: RealtimeError): void {
    this.#end(error);
  }

  #end(error: RealtimeError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#cursor = this.cursor;
    this.options.signal?.removeEventListener('abort', this.#abort);
    if (this.#room) this.rooms.unfollow(this.#room, this);
    this.#room = undefined;
    this.#settle?.reject(error ?? new RealtimeError('closed'));
    for (const inbox of this.#inboxes) inbox.end(error);
    this.#inboxes.clear();
    this.#early?.end(error);
    this.#listeners.emit('ended', error);
    this.#listeners.clear();
  }
}
