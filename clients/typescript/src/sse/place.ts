/** Where a room that a tab wants stands in the feed. */

import { type Frame, matches, roomOf } from '../frames.js';

/** One room that a tab wants. `nonce` changes when it is asked for anew. */
export interface Want {
  readonly room: string;
  readonly nonce: number;
  readonly cursor?: string;
  readonly history?: number;
}

export const HELD = 10_000;
const LAG = 2;

const keyOf = (frame: Frame): string => String(frame.event_id ?? `${frame.room} ${frame.offset}`);

/** What was told beside the stream: the stream may tell it again. */
export class Told {
  readonly #keys = new Set<string>();
  /** How far the snapshot of an answer goes. */
  #said = 0;

  add(frame: Frame): void {
    this.#keys.add(keyOf(frame));
    if (this.#keys.size > HELD)
      for (const oldest of this.#keys) if (this.#keys.delete(oldest)) break;
    if (frame.type === 'agent.response')
      this.#said = Math.max(this.#said, Number(frame.offset ?? 0));
  }

  has(frame: Frame): boolean {
    return this.#keys.has(keyOf(frame));
  }

  /** Whether a snapshot had it already. */
  covers(frame: Frame): boolean {
    return frame.type === 'agent.response' && Number(frame.offset ?? 0) <= this.#said;
  }
}

export class Place {
  /** `new`: asked for; `behind`: catches up beside the stream; `live`: told by the stream. */
  phase: 'new' | 'behind' | 'live' = 'new';
  cursor: string | undefined;
  /** What the stream had for it while it was behind. */
  #held: Frame[] = [];
  /** What it has had before the stream tells it: the stream may lag behind what was read beside it. */
  #told: Told | undefined;
  /** How many positions the stream may tell before it has surely passed that. */
  #lag = 0;

  constructor(
    readonly tab: string,
    readonly want: Want,
    private readonly say: (tab: string, frame: Frame) => void,
  ) {
    this.cursor = want.cursor;
  }

  /** Whether the stream alone tells it, and nothing that it has had. */
  get settled(): boolean {
    return this.phase === 'live' && !this.#told;
  }

  /** Whether too much waits for it. */
  get full(): boolean {
    return this.#held.length > HELD;
  }

  /** The stream begins anew: what is live has something to catch up on. */
  renew(): void {
    this.#held = [];
    this.#told = undefined;
    if (this.phase === 'live') this.phase = 'behind';
  }

  /** It stands, at this cursor. */
  stand(phase: 'behind' | 'live', cursor: string | undefined, recovered?: boolean): void {
    const { room, nonce } = this.want;
    this.phase = phase;
    this.cursor = cursor;
    this.say(this.tab, { type: 'subscribed', room, cursor, recovered, nonce });
  }

  /** Take what the stream has: now, or when it has caught up. */
  share(frame: Frame): void {
    if (this.phase === 'new') return;
    if (frame.type === 'gap') {
      if (this.phase === 'live') this.#say(frame);
    } else if (!matches(this.want.room, roomOf(frame)) || this.#told?.has(frame)) return;
    else if (this.phase === 'live') this.#say(frame);
    else this.#held.push(frame);
  }

  /** The stream stands here: what is live has all up to it. */
  moved(cursor: string): void {
    if (this.settled) this.cursor = cursor;
  }

  /** The stream has told a position of its own. */
  passed(): void {
    if (this.#told && --this.#lag <= 0) this.#told = undefined;
  }

  /** It has caught up beside the stream: then what the stream had meanwhile, and it is live. */
  join(told: Told, cursor: string): void {
    this.phase = 'live';
    this.cursor = cursor;
    this.#told = told;
    this.#lag = LAG;
    for (const frame of this.#held.splice(0)) {
      const snapshot = frame.status === 'snapshot' && this.want.cursor !== undefined;
      if (!told.covers(frame) && !snapshot && !told.has(frame)) this.#say(frame);
    }
    this.caughtUp();
  }

  caughtUp(): void {
    this.say(this.tab, { type: 'caught_up', room: this.want.room, cursor: this.cursor });
  }

  /** Tell what was read beside the stream, if it is for this room. */
  tell(frame: Frame): void {
    if (frame.type === 'gap' || matches(this.want.room, roomOf(frame))) this.#say(frame);
  }

  refuse(code: string, message: string, retryable: boolean): void {
    const { room, nonce } = this.want;
    this.say(this.tab, { type: 'error', room, code, message, retryable, nonce });
  }

  #say(frame: Frame): void {
    const { room } = this.want;
    if (frame.cursor) this.cursor = frame.cursor;
    this.say(this.tab, frame.type === 'gap' ? { ...frame, room } : { ...frame, subscription: room });
  }
}
