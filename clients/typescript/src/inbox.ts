/** What has come and was not taken yet, as an async iterator. */

import { RealtimeError } from './errors.js';

interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

/** Bounded: when it is full it ends with `slow_consumer`, after what it holds. */
export class Inbox<T> implements AsyncIterableIterator<T, undefined> {
  #items: T[] = [];
  #waiting: Waiting<T>[] = [];
  #ended = false;
  #error: unknown;

  constructor(
    private readonly bound: number,
    private readonly onreturn: () => void = () => {},
  ) {}

  get size(): number {
    return this.#items.length;
  }

  put(item: T): void {
    if (this.#ended) return;
    const next = this.#waiting.shift();
    if (next) next.resolve({ value: item, done: false });
    else if (this.#items.length < this.bound) this.#items.push(item);
    else
      this.end(new RealtimeError('slow_consumer', `${this.bound} events wait to be taken`, true));
  }

  /** Nothing more comes; what waits can still be taken, then `error` is thrown, where there is one. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const each of this.#waiting.splice(0)) {
      if (error === undefined) each.resolve({ value: undefined, done: true });
      else each.reject(error);
      if (error !== undefined) this.#error = undefined;
    }
  }

  take(): T[] {
    return this.#items.splice(0);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve({ value: item, done: false });
    if (!this.#ended)
      return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const error = this.#error;
    this.#error = undefined;
    return error === undefined
      ? Promise.resolve({ value: undefined, done: true })
      : Promise.reject(error);
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#items = [];
    this.end();
    this.onreturn();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
