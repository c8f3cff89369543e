/** What one connection after the other is told of one room: where it stands, and who wants it here. */

import type { RealtimeError } from './errors.js';
import type { Frame, Gap } from './frames.js';

const REMEMBERED = 10_000;

/** Somebody here who follows a room. */
export interface Follower {
  /** An event, or an `agent.response`. */
  onevent(frame: Frame): void;
  ongap(gap: Gap): void;
  onsubscribed(frame: Frame): void;
  oncaughtup(): void;
  /** It is over: the server refused, or ended it. */
  onended(error: RealtimeError): void;
}

export interface Start {
  readonly cursor?: string;
  readonly history?: number;
}

/** One room or pattern of a client. The server keeps one subscription for it, whoever follows it here. */
export class Room {
  readonly followers = new Set<Follower>();
  /** The newest cursor that holds for it. */
  cursor: string | undefined;
  /** Whether the server's subscription stands on this connection. */
  stands = false;
  /** Whether all that was missed has come. */
  live = false;
  /** Whether the server shows it without being asked on this connection: an answer that began on it. */
  implicit = false;
  presence = false;
  /** The request that is under way, so that a late answer to an older one is not taken. */
  asked: object | undefined;
  retry: ReturnType<typeof setTimeout> | undefined;
  #seen: Set<string> | undefined;
  #caught: Set<string> | undefined;
  readonly #history: number | undefined;

  constructor(
    readonly name: string,
    start: Start,
  ) {
    this.cursor = start.cursor;
    this.#history = start.history;
  }

  /** The frame that subscribes it, or goes on where it was. */
  get frame(): Frame {
    const from = this.cursor !== undefined ? { cursor: this.cursor } : { history: this.#history };
    return { type: 'subscribe', room: this.name, ...from, presence: this.presence || undefined };
  }

  lost(): void {
    this.stands = this.live = this.implicit = false;
    this.asked = this.#seen = this.#caught = undefined;
    clearTimeout(this.retry);
  }

  /** It stands, and is asked for anew: what comes until it is answered may come again. */
  renew(): void {
    if (this.stands) this.#seen = new Set();
  }

  event(frame: Frame): void {
    if (this.#isRetold(frame)) return;
    if (frame.cursor) this.cursor = frame.cursor;
    for (const each of [...this.followers]) each.onevent(frame);
  }

  /**
   * Whether it was told before: when a room that stands is asked for anew, and when an event that it has caught up
   * on is still told live, for a pattern that was not as far.
   */
  #isRetold(frame: Frame): boolean {
    if (this.live && !this.#seen && !this.#caught) return false;
    const key = String(frame.event_id ?? frame.offset);
    if (frame.subscription === undefined) {
      this.#seen?.add(key);
      return this.#caught?.has(key) ?? false;
    }
    if (this.#seen?.has(key)) return true;
    if (!this.live) this.#catch(key);
    return false;
  }

  #catch(key: string): void {
    this.#caught = (this.#caught ?? new Set()).add(key);
    if (this.#caught.size > REMEMBERED)
      for (const oldest of this.#caught) if (this.#caught.delete(oldest)) return;
  }

  /** A cursor that holds for all that is live. */
  bookmark(cursor: string | undefined): void {
    if (!this.live) return;
    this.cursor = cursor;
    this.#caught = undefined;
  }

  subscribed(frame: Frame): void {
    this.stands = true;
    this.live = this.implicit = false;
    this.cursor = frame.cursor;
    for (const each of [...this.followers]) each.onsubscribed(frame);
    if (frame.recovered === false) {
      this.gap({
        room: this.name,
        reason: frame.gap as Gap['reason'],
        cursor: String(frame.cursor),
      });
    }
  }

  gap(gap: Gap): void {
    if (gap.cursor) this.cursor = gap.cursor;
    for (const each of [...this.followers]) each.ongap(gap);
  }

  caughtUp(frame: Frame): void {
    this.live = true;
    this.#seen = undefined;
    if (frame.cursor) this.cursor = frame.cursor;
    for (const each of [...this.followers]) each.oncaughtup();
  }

  end(error: RealtimeError): void {
    for (const each of [...this.followers]) each.onended(error);
    this.followers.clear();
  }
}
