/** How long to wait before the next attempt. */

const LEAST_SECONDS = 0.5;
const MOST_SECONDS = 20;

/** Full jitter: anywhere between nothing and a ceiling that doubles, 0.5 to 20 seconds. */
export class Backoff {
  #ceiling = LEAST_SECONDS;

  constructor(private readonly random: () => number = Math.random) {}

  /** The next wait; never before what the server asked for. */
  next(retryAfterSeconds = 0): number {
    const wait = this.random() * this.#ceiling;
    this.#ceiling = Math.min(MOST_SECONDS, this.#ceiling * 2);
    return retryAfterSeconds + wait;
  }

  /** Begin anew, after something has worked. */
  reset(): void {
    this.#ceiling = LEAST_SECONDS;
  }
}
