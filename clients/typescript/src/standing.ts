/** How one is: what the application says, else whether somebody looks at the page. */

import type { Status } from './frames.js';
import type { Fields } from './outbox.js';

export class Standing {
  /** What connections are told; nothing before there is something to tell. */
  frame: Fields | undefined;
  #chosen = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #look = () => this.#looked();

  constructor(
    private readonly awaySeconds: number,
    private readonly changed: () => void,
  ) {}

  /** Watch the page: hidden for long it is `away`, and `online` when it is looked at again. */
  watch(): void {
    globalThis.document?.addEventListener('visibilitychange', this.#look);
    this.#look();
  }

  /** Watch no longer. Idempotent. */
  stop(): void {
    globalThis.document?.removeEventListener('visibilitychange', this.#look);
    clearTimeout(this.#timer);
  }

  /** What the application says stays. */
  choose(status: Status, metadata: unknown): Fields {
    this.#chosen = true;
    this.frame = { type: 'presence.update', status, metadata };
    return this.frame;
  }

  #looked(): void {
    clearTimeout(this.#timer);
    if (globalThis.document?.visibilityState === 'hidden')
      this.#timer = setTimeout(() => this.#become('away'), this.awaySeconds * 1000);
    else if (this.frame) this.#become('online');
  }

  #become(status: Status): void {
    if (this.#chosen || this.frame?.status === status) return;
    this.frame = { type: 'presence.update', status };
    this.changed();
  }
}
