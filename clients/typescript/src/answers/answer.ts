/** An answer of an agent or model: its parts as they come, over reconnects, until it ends. */

import { errorOf, RealtimeError } from '../errors.js';
import type { AnswerPart, Frame, Gap, Json, Usage } from '../frames.js';
import { Inbox } from '../inbox.js';
import type { Fields } from '../outbox.js';
import type { Follower, Room } from '../room.js';

/** What an answer needs of its client. */
export interface Host {
  ask(frame: Fields): Promise<Frame>;
  follow(streamId: string, answer: Answer, cursor?: string): Room;
  view(streamId: string, answer: Answer): Room;
  unfollow(room: Room, answer: Answer, ended: boolean): void;
  forget(answer: Answer): void;
}

const ENDINGS = new Set(['finished', 'failed', 'cancelled']);

/**
 * Iterate it for its parts, or `textStream()` for its text alone. Leaving the loop stops nothing: `cancel()` or
 * the signal does. After a reload `client.answer(id, { cursor })` goes on.
 */
export class Answer implements AsyncIterable<AnswerPart>, Follower {
  /** The answer's id, once it has one; rejects where nobody answers. */
  readonly started: Promise<string>;
  /** How it ended; rejects where it failed, was cut off or aborted. */
  readonly ended: Promise<AnswerPart>;
  /** Its id; empty until the first part has come. */
  id = '';
  /** What it has said so far. */
  text = '';
  thinking = '';
  usage: Usage | undefined;
  /** Resume after it. */
  cursor: string | undefined;
  readonly #inboxes = new Set<Inbox<AnswerPart>>();
  #early: Inbox<AnswerPart> | undefined = new Inbox(10_000);
  #room: Room | undefined;
  #over = false;
  #told = false;
  #error: unknown;
  #starts: { resolve(id: string): void; reject(error: unknown): void } | undefined;
  #ends: { resolve(part: AnswerPart): void; reject(error: unknown): void } | undefined;
  readonly #abort = () => {
    this.cancel().catch(() => {});
    this.#end(this.signal?.reason ?? new RealtimeError('cancelled'));
  };

  constructor(
    private readonly host: Host,
    private readonly signal?: AbortSignal,
  ) {
    this.started = new Promise((resolve, reject) => {
      this.#starts = { resolve, reject };
    });
    this.ended = new Promise((resolve, reject) => {
      this.#ends = { resolve, reject };
    });
    this.started.catch(() => {});
    this.ended.catch(() => {});
    if (signal?.aborted) queueMicrotask(this.#abort);
    else signal?.addEventListener('abort', this.#abort, { once: true });
  }

  get over(): boolean {
    return this.#over;
  }

  /** Join it by its id, from a cursor or from a snapshot. */
  join(streamId: string, cursor?: string): void {
    this.#name(streamId);
    this.#room = this.host.follow(streamId, this, cursor);
  }

  /** Stop it for all who view it. Idempotent: one that has ended stays as it ended. */
  async cancel(): Promise<void> {
    if (this.#over) return;
    const stream_id = this.id || (await this.started.catch(() => ''));
    if (!stream_id) return;
    await this.host.ask({ type: 'cancel', stream_id }).catch((error: RealtimeError) => {
      if (error.code !== 'conflict') throw error;
    });
  }

  /** Answer its question (`input_required`). */
  async input(content: Json): Promise<void> {
    await this.host.ask({ type: 'input', stream_id: await this.started, content });
  }

  /** View it no longer, and let it go on. */
  leave(): void {
    this.#end(undefined);
  }

  /** Its text as it comes: what it has said before first. */
  async *textStream(): AsyncGenerator<string, void, undefined> {
    let said = this.#early ? '' : this.text;
    if (said) yield said;
    for await (const part of this) {
      if (part.status === 'streaming') {
        said += part.delta;
        yield part.delta;
      } else if (part.status === 'snapshot' && part.text.length > said.length) {
        const rest = part.text.startsWith(said) ? part.text.slice(said.length) : part.text;
        said = part.text;
        yield rest;
      }
    }
  }

  /** All of its text, once it has ended. */
  async allText(): Promise<string> {
    await this.ended;
    return this.text;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<AnswerPart, undefined> {
    const inbox: Inbox<AnswerPart> = this.#early ?? new Inbox(10_000);
    this.#early = undefined;
    if (this.#over) inbox.end(this.#error);
    else this.#inboxes.add(inbox);
    return inbox;
  }

  onevent(frame: Frame): void {
    if (this.#over || frame.type !== 'agent.response') return;
    const part = frame as unknown as AnswerPart;
    if (!this.id) {
      this.#name(part.stream_id);
      this.#room = this.host.view(part.stream_id, this);
    }
    if (frame.cursor) this.cursor = frame.cursor;
    this.#keep(part);
    if (this.#early) this.#early.put(part);
    for (const inbox of this.#inboxes) inbox.put(part);
    if (ENDINGS.has(part.status)) this.#finish(part);
  }

  /** What is missing comes as a snapshot, which follows. */
  ongap(_gap: Gap): void {}

  onsubscribed(_frame: Frame): void {}

  oncaughtup(): void {}

  onended(error: RealtimeError): void {
    this.#end(error);
  }

  #name(streamId: string): void {
    this.id = streamId;
    this.#starts?.resolve(streamId);
  }

  #keep(part: AnswerPart): void {
    if (part.status === 'streaming') this.text += part.delta;
    else if (part.status === 'thinking') this.thinking += part.delta;
    else if (part.status === 'snapshot') {
      this.text = part.text;
      this.thinking = part.thinking ?? '';
    }
    if ('usage' in part && part.usage) this.usage = part.usage;
  }

  #finish(part: AnswerPart): void {
    this.#told = true;
    if (part.status === 'failed') {
      this.#end(errorOf(part as unknown as Frame));
      return;
    }
    this.#ends?.resolve(part);
    this.#end(undefined);
  }

  #end(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.signal?.removeEventListener('abort', this.#abort);
    this.host.forget(this);
    if (this.#room) this.host.unfollow(this.#room, this, this.#told);
    const reason = error ?? new RealtimeError('closed', 'it was left before it ended');
    if (!this.id) this.#starts?.reject(reason);
    this.#ends?.reject(reason);
    this.#early?.end(error);
    for (const inbox of this.#inboxes) inbox.end(error);
    this.#inboxes.clear();
  }
}
