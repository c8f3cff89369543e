/** The token: where it comes from, and when a fresh one is needed. */

export type TokenSource = string | (() => string | Promise<string>);

const EARLY_SECONDS = 60;
const LEAST_SECONDS = 5;
const MOST_SECONDS = 20 * 86_400; // above it, timers of browsers overflow

/** Asks the provider; shows a fresh token before the one in use ends. */
export class Token {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly source: TokenSource | undefined) {}

  /** Whether asking again may give another one. */
  get renewable(): boolean {
    return typeof this.source === 'function';
  }

  async get(): Promise<string | undefined> {
    return typeof this.source === 'function' ? await this.source() : this.source;
  }

  /**
   * Call `renew` before the token ends: a minute before it, or after three quarters of a short life. A clock that
   * is wrong costs a refresh too many or a reconnect, no more.
   */
  watch(expiresAt: unknown, renew: () => void): void {
    this.stop();
    if (typeof expiresAt !== 'string' || !this.renewable) return;
    const left = (Date.parse(expiresAt) - Date.now()) / 1000;
    const wait = Math.max(left - EARLY_SECONDS, left * 0.75, LEAST_SECONDS);
    this.#timer = setTimeout(renew, Math.min(wait, MOST_SECONDS) * 1000);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
