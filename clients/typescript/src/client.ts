/** The client: channels, presence and answers over whatever connection there is. */

import {
  Agent,
  type Input,
  type InvokeOptions,
  type ResumeOptions,
  type Target,
} from './answers/agent.js';
import { Answer } from './answers/answer.js';
import type { RealtimeError } from './errors.js';
import type {
  Entity,
  Frame,
  Gap,
  History,
  Json,
  Published,
  RealtimeEvent,
  Status,
} from './frames.js';
import { isEvent } from './frames.js';
import { Listeners } from './listeners.js';
import { type Fields, Outbox, type QueueBounds, type QueueState } from './outbox.js';
import { type PresenceQuery, PresenceStore, questionsOf } from './presence.js';
import { type PublishOptions, publicationOf } from './publication.js';
import { Rooms } from './rooms.js';
import { Session, type SessionOptions, type State } from './session.js';
import { Standing } from './standing.js';
import { type SubscribeOptions, Subscription } from './subscription.js';

export interface ClientOptions extends SessionOptions {
  /** What may wait to be sent or answered; 1,000 requests and 8 MiB by default. */
  readonly queue?: Partial<QueueBounds>;
  /** For a request's answer, waiting for a connection included; 30 by default. */
  readonly requestSeconds?: number;
}

export interface ClientEvents {
  state: State;
  /** Any event of any room, once. */
  event: RealtimeEvent;
  gap: Gap;
  /** What waits has changed, or something was refused since too much waits. */
  queue: QueueState;
  /** A connection or attempt ended; the client goes on unless its state is `closed`. */
  error: RealtimeError;
}

/**
 * Connects at the first call that needs it and stays connected until `close()` or a refusal that does not pass.
 * Making one does nothing, so that it can be made on a server too.
 */
export class RealtimeClient {
  readonly clientId: string;
  /** The server's name for this connection. */
  sessionId: string | undefined;
  readonly #listeners = new Listeners<ClientEvents>();
  readonly #outbox: Outbox;
  readonly #rooms: Rooms;
  readonly #session: Session;
  readonly #asking = new Map<string, Answer>();
  readonly #answers = new Set<Answer>();
  readonly #standing: Standing;
  #closed: RealtimeError | undefined;

  constructor(options: ClientOptions) {
    this.clientId = options.clientId;
    const bounds = { items: 1000, bytes: 8 << 20, ...options.queue };
    this.#outbox = new Outbox(bounds, options.requestSeconds ?? 30, state =>
      this.#listeners.emit('queue', state),
    );
    this.#rooms = new Rooms(this.#outbox, options.random ?? Math.random);
    this.#standing = new Standing(options.deadlines?.awaySeconds ?? 300, () => this.#tellStanding());
    this.#session = new Session(options, {
      onstate: state => this.#listeners.emit('state', state),
      onopen: (send, welcome) => this.#open(send, welcome),
      onframe: frame => this.#hear(frame),
      onlost: () => this.#lost(),
      onerror: error => this.#listeners.emit('error', error),
      onclosed: error => this.#end(error),
      refresh: token => this.#outbox.request({ type: 'token', token }, 'never', true).answer,
    });
  }

  get state(): State {
    return this.#session.state;
  }

  /** What carries it now, or did last. */
  get transport(): 'websocket' | 'sse' | undefined {
    return this.#session.transport;
  }

  get queue(): QueueState {
    return this.#outbox.state;
  }

  /** How many rooms it follows. */
  get rooms(): number {
    return this.#rooms.size;
  }

  /** Listen; the function that is returned removes the listener. */
  on<K extends keyof ClientEvents>(
    name: K,
    listener: (value: ClientEvents[K]) => void,
  ): () => void {
    return this.#listeners.on(name, listener);
  }

  off<K extends keyof ClientEvents>(name: K, listener: (value: ClientEvents[K]) => void): void {
    this.#listeners.off(name, listener);
  }

  /** How many listeners there are. */
  listenerCount(name?: keyof ClientEvents): number {
    return this.#listeners.count(name);
  }

  /** Resolves when it is connected; rejects when it is closed for good. */
  async connect(): Promise<void> {
    this.#begin();
    if (this.state === 'open') return;
    return new Promise((resolve, reject) => {
      const remove = this.on('state', state => {
        if (state === 'open') resolve();
        else if (state === 'closed') queueMicrotask(() => reject(this.#closed));
        else return;
        remove();
      });
    });
  }

  /** End everything; what waits is refused with `closed`. Idempotent. */
  close(): void {
    this.#session.close();
  }

  /** Follow a room or pattern. */
  subscribe<T = Json>(room: string, options: SubscribeOptions = {}): Subscription<T> {
    this.#begin();
    const past = async (limit: number) => (await this.history(room, { limit })).events;
    return new Subscription<T>(room, this.#rooms, options, past);
  }

  /** Publish JSON or bytes; resolves when it is in the log: once, however often the connection breaks. */
  async publish(
    room: string,
    content: Json | Uint8Array,
    options: PublishOptions = {},
  ): Promise<Published> {
    return this.#ask<Published>(publicationOf(room, content, options));
  }

  /** A page of a room's past: the newest before an offset, or the oldest after one. */
  async history<T = Json>(
    room: string,
    page: { limit?: number; before?: number; after?: number } = {},
  ): Promise<History<T>> {
    return this.#ask<History<T>>({ type: 'history', room, ...page });
  }

  /** Who is here, kept true until it is closed. */
  presence(query: PresenceQuery = {}): PresenceStore {
    return new PresenceStore(this, query);
  }

  /** Who is here now. */
  async whoIsHere(query: PresenceQuery = {}): Promise<readonly Entity[]> {
    const found = await Promise.all(
      questionsOf(query).map(each => this.#ask<{ entities: Entity[] }>(each)),
    );
    return found.flatMap(({ entities }) => entities);
  }

  /**
   * Say how one is, on this connection and those after it. Needs a WebSocket. Until it is called a page that is
   * hidden for long is `away`, and `online` when it is looked at again.
   */
  async setStatus(status: Exclude<Status, 'offline'>, metadata?: Json): Promise<void> {
    await this.#ask(this.#standing.choose(status, metadata));
  }

  agent(name: string): Agent {
    return new Agent({ agent: name }, this);
  }

  /** Whoever has a capability. */
  capability(name: string): Agent {
    return new Agent({ capability: name }, this);
  }

  model(name: string): Agent {
    return new Agent({ model: name }, this);
  }

  invoke(target: Target, input: Input, options: InvokeOptions = {}): Answer {
    const answer = this.#answer(options.signal);
    if (answer.over || options.signal?.aborted) return answer;
    const fields = {
      type: 'agent.invoke',
      ...target,
      input,
      conversation: options.conversation,
      deadline_seconds: options.deadlineSeconds,
      on_abandoned: options.onAbandoned,
      abandoned_after_seconds: options.abandonedAfterSeconds,
      options: options.options,
    };
    this.#begin();
    const asked = this.#outbox.request(fields, 'limited');
    this.#asking.set(asked.id, answer);
    asked.answer
      .then(
        frame =>
          frame.type === 'agent.opened' && !answer.over && answer.join(String(frame.stream_id)),
        (error: RealtimeError) => answer.onended(error),
      )
      .finally(() => this.#asking.delete(asked.id));
    return answer;
  }

  /** View an answer that has begun: from a cursor, or from a snapshot of what it has said. */
  answer(streamId: string, { cursor, signal }: ResumeOptions = {}): Answer {
    this.#begin();
    const answer = this.#answer(signal);
    if (!signal?.aborted) answer.join(streamId, cursor);
    return answer;
  }

  #answer(signal: AbortSignal | undefined): Answer {
    const answer = new Answer(
      {
        ask: fields => this.#ask(fields),
        follow: (id, each, cursor) => this.#rooms.follow(`stream.${id}`, each, { cursor }),
        view: (id, each) => this.#rooms.view(`stream.${id}`, each),
        unfollow: (room, each, ended) => this.#rooms.unfollow(room, each, ended),
        forget: each => this.#answers.delete(each),
      },
      signal,
    );
    this.#answers.add(answer);
    return answer;
  }

  #begin(): void {
    if (this.#closed) throw this.#closed;
    if (this.state === 'idle') this.#standing.watch();
    this.#session.open();
  }

  /** Where it is not allowed, it is not said. */
  #tellStanding(): void {
    const { frame } = this.#standing;
    if (!frame || this.sessionId === undefined || this.transport !== 'websocket') return;
    this.#outbox.request(frame, 'never', true).answer.catch(() => {});
  }

  async #ask<T = Frame>(fields: Fields): Promise<T> {
    this.#begin();
    return (await this.#outbox.request(fields).answer) as T;
  }

  #open(send: (frame: Frame) => void, welcome: Frame): void {
    this.sessionId = welcome.session_id as string | undefined;
    this.#outbox.open(send, () => {
      this.#rooms.opened();
      this.#tellStanding();
    });
  }

  #hear(frame: Frame): void {
    const asking =
      frame.type === 'agent.response' && frame.id !== undefined && this.#asking.get(frame.id);
    const taken = this.#outbox.take(frame);
    if (asking) {
      this.#asking.delete(String(frame.id));
      asking.onevent(frame);
      return;
    }
    if (frame.type === 'gap') this.#listeners.emit('gap', frame as unknown as Gap);
    else if (frame.type === 'error' && (taken || frame.room === undefined)) return;
    else if (isEvent(frame)) this.#listeners.emit('event', frame as unknown as RealtimeEvent);
    this.#rooms.take(frame);
  }

  #lost(): void {
    this.sessionId = undefined;
    this.#rooms.lost();
    this.#outbox.lost();
  }

  #end(error: RealtimeError): void {
    this.#closed = error;
    this.#standing.stop();
    this.#outbox.close(error);
    this.#rooms.close(error);
    for (const answer of [...this.#answers]) answer.onended(error);
    this.#asking.clear();
  }
}
