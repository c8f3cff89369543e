/** The one stream of server-sent events of a browser: all rooms of all tabs, each from where it stands. */

import type { Ending } from '../connection.js';
import { RealtimeError } from '../errors.js';
import type { Frame } from '../frames.js';
import { parse } from '../websocket.js';
import { Closed, endingOf, isOfARoom } from './ending.js';
import { Place, Told, type Want } from './place.js';
import { type Block, blocks } from './reader.js';

export interface FeedHost {
  /** The address of the stream of these rooms, without a cursor. */
  readonly url: (rooms: readonly string[]) => string;
  readonly headers: () => Promise<Record<string, string>>;
  /** Tell a tab; `subscription` names the room that it is for. */
  readonly tell: (tab: string, frame: Frame) => void;
  readonly opened: () => void;
  readonly lost: (ending: Ending) => void;
}

const IDLE_SECONDS = 40; // the server says something every 15

/**
 * The stream begins now, unless all rooms stand at one cursor; each that stands elsewhere first gets what it has
 * missed by a short stream of its own, one at a time, and then what the stream had meanwhile. So a browser
 * has two streams at most, and no room misses an event or gets one twice.
 */
export class Feed {
  #places: Place[] = [];
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
    const kept = this.#places.filter(
      each => each.tab !== tab || wants.some(want => want.nonce === each.want.nonce),
    );
    const known = new Set(kept.filter(each => each.tab === tab).map(each => each.want.nonce));
    const fresh = wants.filter(want => !known.has(want.nonce));
    this.#places = [...kept, ...fresh.map(want => new Place(tab, want, this.host.tell))];
    if (fresh.length > 0) this.#plan();
  }

  drop(tab: string): void {
    this.#places = this.#places.filter(each => each.tab !== tab);
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
      const rooms = roomsOf(this.#places);
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
    for (const each of this.#places) each.renew();
    const starts = new Set(this.#places.map(each => each.cursor ?? `${each.want.history ?? ''}`));
    const [first] = this.#places;
    const start = starts.size === 1 ? first?.cursor : undefined;
    this.#rooms = rooms;
    this.#settled = this.#connected = false;
    try {
      for await (const block of this.#read(rooms, start, undefined, stop.signal)) {
        if (stop.signal.aborted) return;
        this.#take(block, start);
      }
      if (!stop.signal.aborted) this.#lost(ended(), 1006);
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
      this.#connect(block.id, start);
      return;
    }
    if (block.id) this.#cursor = block.id;
    if (block.data) this.#share(parsed(block));
    if (block.id) for (const each of this.#places) each.moved(block.id);
    if (!block.data) this.#position();
  }

  #connect(cursor: string, start: string | undefined): void {
    this.#cursor = cursor;
    this.#connected = true;
    for (const room of this.#rooms) this.#fine.add(room);
    this.host.opened();
    for (const each of this.#places)
      if (start !== undefined && each.cursor === start) each.stand('live', start, true);
    this.#begin(true);
  }

  #share(frame: Frame): void {
    for (const each of this.#places) each.share(frame);
    if (this.#places.some(each => each.full))
      this.#lost(new RealtimeError('slow_consumer', undefined, true), 4413);
  }

  /** All that lives on the stream has all up to here. */
  #position(): void {
    for (const each of this.#places) each.passed();
    if (!this.#settled) {
      this.#settled = true;
      for (const each of this.#places) if (each.phase === 'live') each.caughtUp();
    } else if (this.#places.every(each => each.settled)) {
      for (const tab of new Set(this.#places.map(each => each.tab)))
        this.host.tell(tab, { type: 'bookmark', cursor: this.#cursor });
    }
  }

  /** Let what is new begin: now, or behind. Of an answer a new stream tells what was said so far. */
  #begin(fresh: boolean): void {
    for (const each of this.#places) {
      const { room, history } = each.want;
      if (each.phase !== 'new' || !this.#rooms.includes(room)) continue;
      const told = fresh || !room.startsWith('stream.');
      if (each.cursor !== undefined || history || !told) each.phase = 'behind';
      else {
        each.stand('live', this.#cursor);
        if (this.#settled) each.caughtUp();
      }
    }
    void this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    if (this.#catching) return;
    this.#catching = true;
    try {
      for (;;) {
        const behind = this.#places.filter(each => each.phase === 'behind');
        const [next] = behind;
        const stop = this.#stop;
        if (!next || !stop || this.#closed || !this.#connected) return;
        const group = behind.filter(
          each => each === next || (next.cursor && each.cursor === next.cursor),
        );
        try {
          await this.#past(next, group, stop.signal);
        } catch (error) {
          if (stop.signal.aborted) continue;
          await this.#failed(error, roomsOf(group), stop);
          return;
        }
      }
    } finally {
      this.#catching = false;
    }
  }

  /** Tell what these, who stand where the first does, have missed, and then what the stream had meanwhile. */
  async #past(first: Place, group: readonly Place[], signal: AbortSignal): Promise<void> {
    const start = first.cursor;
    const told = new Told();
    for await (const block of this.#read(roomsOf(group), start, first.want.history, signal)) {
      if (signal.aborted) return;
      const here = group.filter(each => this.#places.includes(each));
      if (block.event === 'connected') {
        const known = start !== undefined || undefined;
        for (const each of here) each.stand('behind', start ?? block.id, known);
      } else if (!block.data) {
        for (const each of here) each.join(told, block.id);
        return;
      } else {
        const frame = parsed(block);
        told.add(frame);
        for (const each of here) each.tell(frame);
      }
    }
    if (!signal.aborted) throw ended();
  }

  /** A refusal of one room harms no other: find out which it is, and go on without it. */
  async #failed(error: unknown, rooms: readonly string[], stop: AbortController): Promise<void> {
    if (!isOfARoom(error) || rooms.length === 0) {
      this.#lost(error);
      return;
    }
    const bad = await this.#refusals(error, rooms, stop.signal);
    if (stop.signal.aborted) return;
    if (bad.size === 0) {
      this.#lost(error);
      return;
    }
    for (const each of this.#places) {
      const reason = bad.get(each.want.room);
      if (reason) each.refuse(reason.code, reason.message, reason.retryable);
    }
    this.#places = this.#places.filter(each => !bad.has(each.want.room));
    stop.abort();
    this.#stop = undefined;
    this.#plan();
  }

  async #refusals(
    error: RealtimeError,
    rooms: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, RealtimeError>> {
    if (error.code === 'invalid_cursor' || rooms.length === 1)
      return new Map(rooms.map(room => [room, error]));
    const doubtful = rooms.filter(room => !this.#fine.has(room));
    const bad = new Map<string, RealtimeError>();
    for (const room of doubtful.length > 0 ? doubtful : rooms) {
      const found = await this.#refusalOf(room, signal);
      if (found) bad.set(room, found);
    }
    return bad;
  }

  async #refusalOf(room: string, signal: AbortSignal): Promise<RealtimeError | undefined> {
    try {
      for await (const _ of this.#read([room], undefined, undefined, signal)) return undefined;
    } catch (error) {
      if (isOfARoom(error)) return error;
    }
    return undefined;
  }

  #lost(error: unknown, code?: number): void {
    if (this.#closed) return;
    this.close();
    this.host.lost(endingOf(error, code));
  }
}

const roomsOf = (places: readonly Place[]): string[] => [
  ...new Set(places.map(each => each.want.room)),
];

const ended = () => new RealtimeError('unavailable', 'the stream ended', true);

const parsed = (block: Block): Frame => parse(block.data) ?? { type: 'unknown' };
