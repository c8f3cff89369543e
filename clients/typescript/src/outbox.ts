/** Requests: those that wait for a connection, and those that wait for their answer. */

import { errorOf, RealtimeError } from './errors.js';
import type { Frame } from './frames.js';

/** A frame before it has its id. */
export type Fields = { readonly type: string; readonly [field: string]: unknown };

export interface QueueBounds {
  readonly items: number;
  readonly bytes: number;
}

/** How full the outbox is; `refused` counts what did not fit. */
export interface QueueState {
  readonly items: number;
  readonly bytes: number;
  readonly waiting: number;
  readonly refused: number;
}

/** When a request may be sent again: also when its answer got lost, only when a rate refused it, or never. */
export type Repeat = 'always' | 'limited' | 'never';

interface Request {
  readonly number: number;
  readonly frame: Frame;
  readonly bytes: number;
  readonly repeat: Repeat;
  resolve(answer: Frame): void;
  reject(error: RealtimeError): void;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Bounded in items and bytes, waiting and unanswered together; what does not fit is refused with
 * `offline_queue_full` and told as `queue`. Sends in order. What was unanswered when a connection ended is
 * sent again if it may be, else it is `unknown`. After `rate_limited` it waits as long as it was told, and
 * then sends one after the other until nothing waits.
 */
export class Outbox {
  readonly #waiting: Request[] = [];
  readonly #unanswered = new Map<string, Request>();
  readonly #bounds: QueueBounds;
  #send: ((frame: Frame) => void) | undefined;
  #paced = false;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #bytes = 0;
  #refused = 0;
  #count = 0;

  constructor(
    bounds: QueueBounds,
    private readonly seconds: number,
    private readonly told: (state: QueueState) => void,
  ) {
    this.#bounds = bounds;
  }

  get state(): QueueState {
    const waiting = this.#waiting.length;
    const items = waiting + this.#unanswered.size;
    return { items, bytes: this.#bytes, waiting, refused: this.#refused };
  }

  /** Send when there is a connection; the answer, or RealtimeError. */
  request(
    fields: Fields,
    repeat: Repeat = 'always',
    urgent = false,
  ): { id: string; answer: Promise<Frame> } {
    const id = String(++this.#count);
    const frame = { ...fields, id } as Frame;
    const bytes = JSON.stringify(frame).length;
    const { items, bytes: held } = this.state;
    if (items >= this.#bounds.items || held + bytes > this.#bounds.bytes) {
      this.#refused++;
      this.told(this.state);
      const error = new RealtimeError('offline_queue_full', 'too much waits to be sent', true);
      return { id, answer: Promise.reject(error) };
    }
    const answer = new Promise<Frame>((resolve, reject) => {
      const request: Request = {
        number: this.#count,
        frame,
        bytes,
        repeat,
        resolve,
        reject,
        timer: undefined,
      };
      request.timer = setTimeout(() => this.#late(request), this.seconds * 1000);
      this.#bytes += bytes;
      if (urgent && this.#send) this.#dispatch(request, this.#send);
      else this.#waiting.push(request);
    });
    this.#flush();
    if (this.#waiting.length > 0) this.told(this.state);
    return { id, answer };
  }

  /** There is a connection: what `first` asks for goes first, then what waits. */
  open(send: (frame: Frame) => void, first: () => void): void {
    this.#send = send;
    first();
    this.#flush();
  }

  /** The connection has ended: what had no answer waits again, or is `unknown`. */
  lost(): void {
    this.#send = undefined;
    for (const request of [...this.#unanswered.values()]) {
      if (request.repeat === 'always') this.#again(request);
      else
        this.#settle(
          request,
          new RealtimeError('unknown', 'the connection ended before the answer', true),
        );
    }
  }

  /** Take an answer; whether it was one of a request of ours. */
  take(frame: Frame): boolean {
    if (frame.type === 'error' && frame.ids) {
      const known = frame.ids.map(id => this.#answer(id, frame));
      return known.some(Boolean);
    }
    return frame.id !== undefined && this.#answer(frame.id, frame);
  }

  /** Refuse everything. */
  close(error: RealtimeError): void {
    this.#send = undefined;
    clearTimeout(this.#pause);
    this.#pause = undefined;
    for (const each of [...this.#waiting, ...this.#unanswered.values()]) this.#settle(each, error);
  }

  #answer(id: string, frame: Frame): boolean {
    const request = this.#unanswered.get(id);
    if (!request) return false;
    if (frame.type !== 'error') this.#settle(request, frame);
    else if (frame.code === 'rate_limited' && request.repeat !== 'never')
      this.#slow(request, errorOf(frame));
    else if (frame.code === 'unknown' && request.repeat === 'always') this.#again(request);
    else this.#settle(request, errorOf(frame));
    this.#flush();
    return true;
  }

  #slow(request: Request, error: RealtimeError): void {
    this.#again(request);
    this.#paced = true;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(
      () => {
        this.#pause = undefined;
        this.#flush();
      },
      (error.retryAfterSeconds ?? 1) * 1000,
    );
    this.told(this.state);
  }

  #again(request: Request): void {
    this.#unanswered.delete(String(request.frame.id));
    const after = this.#waiting.findIndex(each => each.number > request.number);
    this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, request);
  }

  #late(request: Request): void {
    this.#settle(request, new RealtimeError('late', `no answer in ${this.seconds} s`, true));
    this.#flush();
  }

  #settle(request: Request, outcome: Frame | RealtimeError): void {
    clearTimeout(request.timer);
    this.#bytes -= request.bytes;
    this.#unanswered.delete(String(request.frame.id));
    const at = this.#waiting.indexOf(request);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (outcome instanceof RealtimeError) request.reject(outcome);
    else request.resolve(outcome);
  }

  #dispatch(request: Request, send: (frame: Frame) => void): void {
    this.#unanswered.set(String(request.frame.id), request);
    send(request.frame);
  }

  #flush(): void {
    while (this.#send && !this.#pause && this.#waiting.length > 0) {
      if (this.#paced && this.#unanswered.size > 0) return;
      const request = this.#waiting.shift();
      if (!request) return;
      this.#dispatch(request, this.#send);
    }
    if (this.#waiting.length === 0) this.#paced = false;
  }
}
