/** The console's own measure: how long the edge and its core take to answer, and what the edge counts. */

import type { Desk } from './desk.js';

export interface Beat {
  /** Unix seconds. */
  readonly at: number;
  /** Milliseconds there and back. Null: no answer. */
  readonly edge: number | null;
  readonly core: number | null;
  /** Events a second that the edge handed on. */
  readonly events: number | null;
}

const SECONDS = 2;
const KEPT = 150;

/** Begins when it is first looked at, goes on behind other views, and rests while nobody sees the page. */
export class Pulse {
  beats: readonly Beat[] = [];
  metrics: ReadonlyMap<string, number> = new Map();
  readonly #hearers = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #warm = false;
  #last: { at: number; events: number } | undefined;

  constructor(private readonly desk: Desk) {}

  follow(hear: () => void): () => void {
    this.#hearers.add(hear);
    if (!this.#timer) void this.#turn();
    return () => this.#hearers.delete(hear);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#hearers.clear();
  }

  async #turn(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#turn(), SECONDS * 1000);
    if (document.visibilityState !== 'visible' || this.desk.client.state !== 'open') return;
    if (!this.#warm) await timed('/healthz'); // the first request of a page opens its connection
    this.#warm = true;
    const beat = {
      at: Date.now() / 1000,
      edge: await timed('/healthz'),
      core: await timed('/readyz'),
      events: await this.#count(),
    };
    this.beats = [...this.beats, beat].slice(-KEPT);
    for (const hear of this.#hearers) hear();
  }

  async #count(): Promise<number | null> {
    const text = await fetch('/metrics').then(
      found => found.text(),
      () => '',
    );
    this.metrics = readMetrics(text);
    const events = this.metrics.get('blackroad_edge_live_events_total');
    const before = this.#last;
    const at = performance.now();
    this.#last = events === undefined ? undefined : { at, events };
    if (events === undefined || !before || events < before.events) return null;
    return ((events - before.events) * 1000) / (at - before.at);
  }
}

async function timed(path: string): Promise<number | null> {
  const began = performance.now();
  const answer = await fetch(path, { cache: 'no-store' }).catch(() => null);
  await answer?.text().catch(() => '');
  return answer?.ok ? performance.now() - began : null;
}

/** Read Prometheus's text: name with its labels, and value. */
function readMetrics(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [, name, value] of text.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm))
    if (name) found.set(name, Number(value));
  return found;
}
