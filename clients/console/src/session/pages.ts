/** A list that is longer than an answer of the server's. */

import type { Page } from './desk.js';

const MOST = 40;

/**
 * Read as a whole at first, and then one page each turn, round and round: a list of thousands costs the server no
 * more than a short one. Each turn has all of it, some of it a round old.
 */
export class Pages<T> {
  /** Whether there is more than is read here. */
  cut = false;
  readonly #pages: (readonly T[])[] = [];
  readonly #tokens = [''];
  #next = 0;
  #whole = false;

  constructor(
    private readonly read: (token: string) => Promise<Page<T>>,
    private readonly keyOf: (item: T) => string,
    /** Told of each page as it is read. */
    private readonly take?: (items: readonly T[]) => void,
  ) {}

  /** Whether it is more than one page. */
  get long(): boolean {
    return this.#pages.length > 1;
  }

  /** All of it, each once, in its order. */
  get items(): readonly T[] {
    return [...new Map(this.#pages.flat().map(each => [this.keyOf(each), each])).values()];
  }

  /** Read on. */
  async turn(): Promise<readonly T[]> {
    do await this.#page();
    while (!this.#whole && this.#next > 0);
    this.#whole = true;
    return this.items;
  }

  async #page(): Promise<void> {
    const at = this.#next;
    const page = await this.read(this.#tokens[at] ?? '');
    this.#pages[at] = page.items;
    this.take?.(page.items);
    const { next_page_token: token } = page;
    if (token && at + 1 < MOST) this.#tokens[(this.#next = at + 1)] = token;
    else {
      this.cut = !!token;
      this.#pages.length = at + 1;
      this.#next = 0;
    }
  }
}
