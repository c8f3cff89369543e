/** What has come by lately on a pattern: the newest events. */

import type {
  Gap,
  RealtimeClient,
  RealtimeError,
  RealtimeEvent,
  Subscription,
} from '@blackroad/realtime';

export interface Heard {
  readonly number: number;
  readonly event: RealtimeEvent;
  /** What a search looks through, in small letters. */
  readonly words: string;
  /** One line. */
  readonly line: string;
}

const KEPT = 2000;
const RATE_SECONDS = 5;
const PAUSE_MS = 100;

export class Feed {
  heard: readonly Heard[] = [];
  total = 0;
  gap: Gap | undefined;
  error: RealtimeError | undefined;
  ready = false;
  readonly #subscription: Subscription;
  readonly #waiting: Heard[] = [];
  readonly #times: number[] = [];
  #drawn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    client: RealtimeClient,
    pattern: string,
    history: number,
    private readonly tell: () => void,
  ) {
    this.#subscription = client.subscribe(pattern, { history });
    this.#subscription.on('event', event => this.#take(event));
    this.#subscription.on('gap', gap => {
      this.gap = gap;
      this.#soon();
    });
    this.#subscription.on('caught_up', () => {
      this.ready = true;
      this.#soon();
    });
    this.#subscription.on('ended', error => {
      this.error = error;
      this.#soon();
    });
  }

  /** Events a second, over the last five. */
  get rate(): number {
    const begin = performance.now() - RATE_SECONDS * 1000;
    while (this.#times.length > 0 && (this.#times[0] ?? 0) < begin) this.#times.shift();
    return this.#times.length / RATE_SECONDS;
  }

  clear(): void {
    this.heard = [];
    this.#waiting.length = 0;
    this.#soon();
  }

  close(): void {
    this.#subscription.close();
    clearTimeout(this.#timer);
  }

  #take(event: RealtimeEvent): void {
    this.total += 1;
    if (this.ready) this.#times.push(performance.now());
    if (this.#times.length > 100_000) this.#times.splice(0, 50_000);
    const line = lineOf(event);
    const words = `${event.room} ${event.type} ${event.from ?? ''} ${line}`.toLowerCase();
    this.#waiting.push({ number: this.total, event, words, line });
    if (this.#waiting.length > KEPT) this.#waiting.splice(0, KEPT / 2);
    this.#soon();
  }

  /** The first at once; while more comes, ten times a second: a page has other things to do, too. */
  #soon(): void {
    if (this.#timer !== undefined) return;
    const wait = Math.max(0, this.#drawn + PAUSE_MS - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#drawn = performance.now();
      this.heard = [...this.heard, ...this.#waiting].slice(-KEPT);
      this.#waiting.length = 0;
      this.tell();
    }, wait);
  }
}

const KNOWN = new Set(
  'type room content cursor event_id offset first_offset timestamp from from_kind from_session headers correlation_id subscription stream_id index'.split(
    ' ',
  ),
);
const LONGEST = 400;

/** Return what an event says as one line. */
export function lineOf(event: RealtimeEvent): string {
  if (typeof event.content === 'string') return event.content.slice(0, LONGEST);
  if (event.content !== undefined) return JSON.stringify(event.content).slice(0, LONGEST);
  const rest = Object.entries(event).filter(([name]) => !KNOWN.has(name));
  return rest
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
    .slice(0, LONGEST);
}
