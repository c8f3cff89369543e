/** Events a second of each channel, from how its newest offset moves. */

import type { Channel } from '../session/documents.js';

const KEPT_SECONDS = 60;

interface Sample {
  readonly at: number;
  readonly rate: number;
}

interface Flow {
  readonly offset: number;
  readonly at: number;
  readonly samples: readonly Sample[];
}

export class Flows {
  readonly #flows = new Map<string, Flow>();

  /** Take what was read now. */
  take(channels: readonly Channel[]): void {
    const at = performance.now() / 1000;
    for (const { name, last_offset: offset } of channels) {
      const before = this.#flows.get(name);
      const samples = before ? [...before.samples, sampleOf(before, offset, at)] : [];
      const kept = samples.filter(each => each.at > at - KEPT_SECONDS);
      this.#flows.set(name, { offset, at, samples: kept });
    }
  }

  /** The last minute, as often as it was read. */
  of(name: string): readonly number[] {
    return this.#flows.get(name)?.samples.map(each => each.rate) ?? [];
  }

  /** Now. */
  rate(name: string): number {
    return this.#flows.get(name)?.samples.at(-1)?.rate ?? 0;
  }
}

const sampleOf = (before: Flow, offset: number, at: number): Sample => ({
  at,
  rate: Math.max(0, (offset - before.offset) / (at - before.at)),
});
