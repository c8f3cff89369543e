/** The one stream of server-sent events of a browser: all rooms of all tabs, each from where it stands. */

import type { Ending } from '../connection.js';
import { RealtimeError } from '../errors.js';
import { type Frame, matches, roomOf } from '../frames.js';
import { parse } from '../websocket.js';
import { type Block, blocks } from './reader.js';

/** One room that a tab wants. `nonce` changes when it is asked for anew. */
export interface Want {
  readonly room: string;
  readonly nonce: number;
  readonly cursor?: string;
  readonly history?: number;
}

export interface FeedHost {
  /** The address of the stream of these rooms, without a cursor. */
  readonly url: (rooms: readonly string[]) => string;
  readonly headers: () => Promise<Record<string, string>>;
  /** Tell a tab; `subscription` names the room that it is for. */
  readonly tell: (tab: string, frame: Frame) => void;
  readonly opened: () => void;
  readonly lost: (ending: Ending) => void;
}

interface Entry {
  readonly tab: string;
  readonly want: Want;
  /** `new`: asked for; `behind`: catches up beside the stream; `live`: told by the stream. */
  phase: 'new' | 'behind' | 'live';
  cursor: string | undefined;
  /** What the stream had for it while it was behind. */
  held: Frame[];
  /** What it has had before the stream tells it: the stream may lag behind what was read beside it. */
  seen: Set<string> | undefined;
  /** How many positions the stream may tell before it has surely passed that. */
  lag: number;
}

const IDLE_SECONDS = 40; // the server says something every 15
const HELD = 10_000;
const LAG = 2;
const OF_A_ROOM = new Set([
  'forbidden',
  'not_member',
  'invalid_name',
  'not_found',
  'invalid_cursor',
]);
const CLOSE: Record<string, number> = {
  unauthenticated: 4401,
  token_expired: 4401,
  forbidden: 4403,
  draining: 1012,
  unavailable: 1013,
  slow_consumer: 4413,
  rate_limited: 4429,
};

const keyOf = (frame: Frame): string => String(frame.event_id ?? `${frame.room} ${frame.offset}`);

/**
 * The stream begins now, unless all rooms stand at one cursor; each that stands elsewhere first gets what it has
 * missed by a short stream of its own, one at a time, and then what the stream had meanwhile. So a browser
 * has two streams at most, and no room misses an event or gets one twice.
 */
export class Feed {
  #entries: Entry[] = [];
  #rooms: readonly string[] = [];
  #cursor: string | undefined;
  #settled = false;
  #connected = false;
  #stop: AbortController | undefined;
  #planned = false;
  #closed = false;
  #catching = false;
  readonly #fine = new Set<string>();

  constructor(private readonly host: FeedHost) {
    this.#plan();
  }

  /** Say all that a tab wants, each time anew. */
  want(tab: string, wants: readonly Want[]): void {
    const kept = this.#entries.filter(
      each => each.tab !== tab || wants.some(want => want.nonce === each.want.nonce),
    );
    const known = new Set(kept.filter(each => each.tab === tab).map(each => each.want.nonce));
    const fresh = wants.filter(want => !known.has(want.nonce));
    this.#entries = [
      ...kept,
      ...fresh.map(want => ({
        tab,
        want,
        phase: 'new' as const,
        cursor: want.cursor,
        held: [],
        seen: undefined,
        lag: 0,
      })),
    ];
    if (fresh.length > 0) this.#plan();
  }

  drop(tab: string): void {
    this.#entries = this.#entries.filter(each => each.tab !== tab);
  }

  close(): void {
    this.#closed = true;
    this.#stop?.abort();
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (this.#closed) return;
      const rooms = [...new Set(this.#entries.map(each => each.want.room))];
      const all = this.#stop && rooms.every(room => this.#rooms.includes(room));
      if (!all) void this.#open(rooms);
      else if (this.#connected) this.#begin(false);
    });
  }

  /** Open the stream anew, with these rooms. */
  async #open(rooms: readonly string[]): Promise<void> {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    for (const each of this.#entries) {
      each.held = [];
      each.seen = undefined;
      if (each.phase === 'live') each.phase = 'behind';
    }
    const starts = new Set(this.#entries.map(each => each.cursor ?? `${each.want.history ?? ''}`));
    const [first] = this.#entries;
    const start = starts.size === 1 ? first?.cursor : undefined;
    this.#rooms = rooms;
    this.#settled = this.#connected = false;
    try {
      for await (const block of this.#read(rooms, start, undefined, stop.signal)) {
        if (stop.signal.aborted) return;
        this.#take(block, start);
      }
      if (!stop.signal.aborted)
        this.#lost(new RealtimeError('unavailable', 'the stream ended', true), 1006);
    } catch (error) {
      if (!stop.signal.aborted) await this.#failed(error, rooms, stop);
    }
  }

  async *#read(
    rooms: readonly string[],
    cursor: string | undefined,
    history: number | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Block, void, undefined> {
    const query = cursor !== undefined ? `&cursor=${cursor}` : history ? `&history=${history}` : '';
    const url = this.host.url(rooms.length > 0 ? rooms : ['broadcast']) + query;
    for await (const block of blocks(url, await this.host.headers(), signal, IDLE_SECONDS)) {
      if (block.event === 'closing') throw new Closed(parsed(block));
      yield block;
    }
  }

  #take(block: Block, start: string | undefined): void {
    if (block.event === 'connected') {
      this.#cursor = block.id;
      this.#connected = true;
      for (const room of this.#rooms) this.#fine.add(room);
      this.host.opened();
      for (const each of this.#entries)
        if (start !== undefined && each.cursor === start) this.#stand(each, 'live', start, true);
      this.#begin(true);
      return;
    }
    if (block.id) this.#cursor = block.id;
    if (block.data) this.#share(parsed(block));
    for (const each of this.#entries) {
      if (block.id && each.phase === 'live' && !each.seen) each.cursor = block.id;
    }
    if (!block.data) this.#position();
  }

  #share(frame: Frame): void {
    for (const each of this.#entries) {
      const { room } = each.want;
      if (each.phase === 'new') continue;
      if (frame.type === 'gap') {
        if (each.phase === 'live') this.#tell(each, { ...frame, room });
      } else if (!matches(room, roomOf(frame)) || each.seen?.has(keyOf(frame))) continue;
      else if (each.phase === 'live') this.#tell(each, frame);
      else this.#hold(each, frame);
    }
  }

  /** All that lives on the stream has all up to here. */
  #position(): void {
    for (const each of this.#entries) if (each.seen && --each.lag <= 0) each.seen = undefined;
    if (!this.#settled) {
      this.#settled = true;
      for (const each of this.#entries) if (each.phase === 'live') this.#caughtUp(each);
    } else if (this.#entries.every(each => each.phase === 'live' && !each.seen)) {
      for (const tab of new Set(this.#entries.map(each => each.tab)))
        this.host.tell(tab, { type: 'bookmark', cursor: this.#cursor });
    }
  }

  /** Let what is new begin: now, or behind. Of an answer a new stream tells what was said so far. */
  #begin(fresh: boolean): void {
    for (const each of this.#entries) {
      const { room, history } = each.want;
      if (each.phase !== 'new' || !this.#rooms.includes(room)) continue;
      const told = fresh || !room.startsWith('stream.');
      if (each.cursor !== undefined || history || !told) each.phase = 'behind';
      else {
        this.#stand(each, 'live', this.#cursor);
        if (this.#settled) this.#caughtUp(each);
      }
    }
    void this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    if (this.#catching) return;
    this.#catching = true;
    try {
      for (;;) {
        const next = this.#entries.find(each => each.phase === 'behind');
        const stop = this.#stop;
        if (!next || !stop || this.#closed || !this.#connected) return;
        const group = this.#entries.filter(
          each =>
            each === next ||
            (each.phase === 'behind' && next.cursor && each.cursor === next.cursor),
        );
        try {
          await this.#past(group, stop.signal);
        } catch (error) {
          if (!stop.signal.aborted) {
            await this.#failed(
              error,
              group.map(each => each.want.room),
              stop,
            );
            return;
          }
        }
      }
    } finally {
      this.#catching = false;
    }
  }

  /** Tell what these have missed, and then what the stream had meanwhile. */
  async #past(group: readonly Entry[], signal: AbortSignal): Promise<void> {
    const [first] = group;
    if (!first) return;
    const start = first.cursor;
    const rooms = [...new Set(group.map(each => each.want.room))];
    const seen = new Set<string>();
    let said = 0; // how far a snapshot goes
    for await (const block of this.#read(rooms, start, first.want.history, signal)) {
      if (signal.aborted) return;
      const here = group.filter(each => this.#entries.includes(each));
      if (block.event === 'connected') {
        for (const each of here) {
          this.#stand(each, 'behind', start ?? block.id, start !== undefined || undefined);
        }
        continue;
      }
      if (!block.data) {
        for (const each of here) this.#join(each, seen, said, block.id);
        return;
      }
      const frame = parsed(block);
      seen.add(keyOf(frame));
      if (seen.size > HELD) for (const oldest of seen) if (seen.delete(oldest)) break;
      if (frame.type === 'agent.response') said = Math.max(said, Number(frame.offset ?? 0));
      for (const each of here) {
        if (frame.type === 'gap') this.#tell(each, { ...frame, room: each.want.room });
        else if (matches(each.want.room, roomOf(frame))) this.#tell(each, frame);
      }
    }
    if (!signal.aborted) throw new RealtimeError('unavailable', 'the stream ended', true);
  }

  #join(each: Entry, seen: Set<string>, said: number, cursor: string): void {
    each.phase = 'live';
    each.cursor = cursor;
    each.seen = seen;
    each.lag = LAG;
    for (const frame of each.held.splice(0)) {
      const retold = frame.type === 'agent.response' && Number(frame.offset ?? 0) <= said;
      const snapshot = frame.status === 'snapshot' && each.want.cursor !== undefined;
      if (!retold && !snapshot && !seen.has(keyOf(frame))) this.#tell(each, frame);
    }
    this.#caughtUp(each);
  }

  #hold(each: Entry, frame: Frame): void {
    each.held.push(frame);
    if (each.held.length > HELD)
      this.#lost(new RealtimeError('slow_consumer', undefined, true), 4413);
  }

  #stand(
    each: Entry,
    phase: Entry['phase'],
    cursor: string | undefined,
    recovered?: boolean,
  ): void {
    each.phase = phase;
    each.cursor = cursor;
    this.host.tell(each.tab, {
      type: 'subscribed',
      room: each.want.room,
      cursor,
      recovered,
      nonce: each.want.nonce,
    });
  }

  #caughtUp(each: Entry): void {
    this.host.tell(each.tab, { type: 'caught_up', room: each.want.room, cursor: each.cursor });
  }

  #tell(each: Entry, frame: Frame): void {
    if (frame.cursor) each.cursor = frame.cursor;
    this.host.tell(
      each.tab,
      frame.type === 'gap' ? frame : { ...frame, subscription: each.want.room },
    );
  }

  /** A refusal of one room harms no other: find out which it is, and go on without it. */
  async #failed(error: unknown, rooms: readonly string[], stop: AbortController): Promise<void> {
    const refused = error instanceof RealtimeError && OF_A_ROOM.has(error.code);
    if (!refused || rooms.length === 0) {
      this.#lost(error);
      return;
    }
    const doubtful = rooms.filter(room => !this.#fine.has(room));
    const bad = new Map<string, RealtimeError>();
    for (const room of doubtful.length > 0 ? doubtful : rooms) {
      const found = rooms.length === 1 ? error : await this.#refusalOf(room, stop.signal);
      if (found) bad.set(room, found);
    }
    if (stop.signal.aborted) return;
    if (error.code === 'invalid_cursor') for (const room of rooms) bad.set(room, error);
    if (bad.size === 0) {
      this.#lost(error);
      return;
    }
    for (const each of this.#entries) {
      const reason = bad.get(each.want.room);
      if (!reason) continue;
      const { code, message, retryable } = reason;
      this.host.tell(each.tab, {
        type: 'error',
        room: each.want.room,
        code,
        message,
        retryable,
        nonce: each.want.nonce,
      });
    }
    this.#entries = this.#entries.filter(each => !bad.has(each.want.room));
    stop.abort();
    this.#stop = undefined;
    this.#plan();
  }

  async #refusalOf(room: string, signal: AbortSignal): Promise<RealtimeError | undefined> {
    try {
      for await (const _ of this.#read([room], undefined, undefined, signal)) return undefined;
    } catch (error) {
      if (error instanceof RealtimeError && OF_A_ROOM.has(error.code)) return error;
    }
    return undefined;
  }

  #lost(error: unknown, code?: number): void {
    if (this.#closed) return;
    this.close();
    const closing = error instanceof Closed ? error.frame : undefined;
    const said = closing ?? (error instanceof RealtimeError ? frameOf(error) : undefined);
    this.host.lost({
      code: code ?? CLOSE[said?.code as string] ?? 1006,
      closing: said,
      silent: said === undefined,
    });
  }
}

class Closed extends Error {
  constructor(readonly frame: Frame) {
    super('closing');
  }
}

const parsed = (block: Block): Frame => parse(block.data) ?? { type: 'unknown' };

const frameOf = (error: RealtimeError): Frame => ({
  type: 'closing',
  code: error.code,
  message: error.message,
  retryable: error.retryable,
  retry_after_seconds: error.retryAfterSeconds,
});
