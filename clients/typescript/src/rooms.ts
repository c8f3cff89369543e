/** All rooms that a client follows, on whatever connection it has. */

import { Backoff } from './backoff.js';
import { errorOf, type RealtimeError } from './errors.js';
import { type Frame, type Gap, isEvent, isPattern, matches, roomOf } from './frames.js';
import type { Outbox } from './outbox.js';
import { type Follower, Room, type Start } from './room.js';

const BATCH = 128;

export class Rooms {
  readonly #all = new Map<string, Room>();
  readonly #patterns = new Map<string, Room>();
  readonly #backoff: Backoff;
  #open = false;

  constructor(
    private readonly outbox: Outbox,
    random: () => number,
  ) {
    this.#backoff = new Backoff(random);
  }

  get size(): number {
    return this.#all.size;
  }

  get(name: string): Room | undefined {
    return this.#all.get(name);
  }

  /** Follow a room; the first follower decides where it starts. */
  follow(name: string, follower: Follower, start: Start, presence = false): Room {
    const known = this.#all.get(name);
    const room = known ?? new Room(name, start);
    room.followers.add(follower);
    this.#all.set(name, room);
    if (isPattern(name)) this.#patterns.set(name, room);
    const more = presence && !room.presence;
    room.presence ||= presence;
    if (this.#open && (!known || (more && room.stands))) this.#subscribe(room);
    return room;
  }

  /** An answer that began on this connection: the server shows it unasked. */
  view(name: string, follower: Follower): Room {
    const room = this.#all.get(name) ?? new Room(name, {});
    room.followers.add(follower);
    this.#all.set(name, room);
    room.implicit = this.#open;
    return room;
  }

  /** Stop following; the last one to leave ends the server's subscription. Idempotent. */
  unfollow(room: Room, follower: Follower, ended = false): void {
    if (!room.followers.delete(follower) || room.followers.size > 0) return;
    this.#forget(room);
    if (this.#open && !ended)
      void this.#ask({ type: 'unsubscribe', room: room.name }).catch(() => {});
  }

  /** A connection is there: subscribe everything where it was. */
  opened(): void {
    this.#open = true;
    const fresh: Room[] = [];
    for (const room of this.#all.values()) {
      if (room.cursor !== undefined && !room.presence) fresh.push(room);
      else this.#subscribe(room);
    }
    for (let at = 0; at < fresh.length; at += BATCH) this.#resume(fresh.slice(at, at + BATCH));
  }

  lost(): void {
    this.#open = false;
    for (const room of this.#all.values()) room.lost();
  }

  close(error: RealtimeError): void {
    this.lost();
    for (const room of this.#all.values()) room.end(error);
    this.#all.clear();
    this.#patterns.clear();
  }

  /** Take a frame of the server's that is about rooms. */
  take(frame: Frame): void {
    switch (frame.type) {
      case 'bookmark':
        for (const room of this.#all.values()) room.bookmark(frame.cursor);
        return;
      case 'subscribed':
        this.#subscribed(frame);
        return;
      case 'caught_up':
        this.#all.get(roomOf(frame))?.caughtUp(frame);
        return;
      case 'gap':
        this.#gap(frame as unknown as Gap);
        return;
      case 'unsubscribed':
        if (frame.code !== undefined) this.#end(roomOf(frame), errorOf(frame));
        return;
      case 'error': // one room of several
        if (frame.room !== undefined) this.#refused(this.#all.get(frame.room), errorOf(frame));
        return;
      default:
        if (isEvent(frame)) this.#event(frame);
    }
  }

  #subscribed(frame: Frame): void {
    const room = this.#all.get(roomOf(frame));
    if (!room) return;
    this.#backoff.reset();
    room.subscribed(frame);
  }

  #event(frame: Frame): void {
    if (typeof frame.subscription === 'string') {
      this.#all.get(frame.subscription)?.event(frame);
      return;
    }
    const name = roomOf(frame);
    const exact = this.#all.get(name);
    if (exact?.live || exact?.implicit) exact.event(frame);
    for (const [pattern, room] of this.#patterns) {
      if (room.live && matches(pattern, name)) room.event(frame);
    }
  }

  #gap(gap: Gap): void {
    for (const room of [...this.#all.values()]) if (matches(room.name, gap.room)) room.gap(gap);
  }

  #subscribe(room: Room): void {
    const asked = {};
    room.asked = asked;
    room.renew();
    this.#ask(room.frame).catch((error: RealtimeError) => {
      if (room.asked === asked) this.#refused(room, error);
    });
  }

  #resume(rooms: Room[]): void {
    for (const room of rooms) room.asked = rooms;
    const starts = rooms.map(({ name, cursor }) => ({ room: name, cursor }));
    this.#ask({ type: 'subscribe', rooms: starts }).catch((error: RealtimeError) => {
      if (error.room !== undefined) this.#refused(this.#all.get(error.room), error);
      else for (const room of rooms) if (room.asked === rooms) this.#refused(room, error);
    });
  }

  /** Come back later with what passes, and end what does not. */
  #refused(room: Room | undefined, error: RealtimeError): void {
    if (!room || this.#all.get(room.name) !== room) return;
    if (error.code === 'closed' || error.code === 'unknown') return; // a new connection asks again
    if (!error.retryable) {
      this.#end(room.name, error);
      return;
    }
    clearTimeout(room.retry);
    const seconds = this.#backoff.next(error.retryAfterSeconds);
    room.retry = setTimeout(() => this.#open && this.#subscribe(room), seconds * 1000);
  }

  #end(name: string, error: RealtimeError): void {
    const room = this.#all.get(name);
    if (!room) return;
    this.#forget(room);
    room.end(error);
  }

  #forget(room: Room): void {
    clearTimeout(room.retry);
    if (this.#all.get(room.name) === room) this.#all.delete(room.name);
    if (this.#patterns.get(room.name) === room) this.#patterns.delete(room.name);
  }

  /** Subscriptions are asked anew on each connection: the outbox does not repeat them. */
  #ask(frame: Frame): Promise<Frame> {
    return this.outbox.request(frame, 'never', true).answer;
  }
}
