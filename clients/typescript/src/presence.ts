/** Who is here: a store that stays true. */

import type { RealtimeError } from './errors.js';
import type { Entity, EntityType } from './frames.js';
import { Listeners } from './listeners.js';
import type { Fields } from './outbox.js';
import type { Subscription } from './subscription.js';

/** The occupants of a room, or all entities of a type; without both, everybody. */
export interface PresenceQuery {
  readonly room?: string;
  readonly entityType?: EntityType;
}

/** What is asked to know it: a server answers for a room, or for one type. */
export function questionsOf({ room, entityType }: PresenceQuery): Fields[] {
  if (room !== undefined) return [{ type: 'presence', room }];
  const types = entityType ? [entityType] : ENTITY_TYPES;
  return types.map(entity_type => ({ type: 'presence', entity_type }));
}

export interface PresenceHost {
  readonly transport: 'websocket' | 'sse' | undefined;
  subscribe(room: string, options: { presence?: boolean }): Subscription;
  whoIsHere(query: PresenceQuery): Promise<readonly Entity[]>;
}

export interface PresenceEvents {
  change: readonly Entity[];
  error: RealtimeError;
}

const ENTITY_TYPES: readonly EntityType[] = ['agent', 'user', 'service'];
const SETTLE_SECONDS = 0.1;
const LEAST_SECONDS = 1;
/** SSE readers are not told who comes and goes in a room. */
const POLL_SECONDS = 10;

/**
 * Reads who is here, follows what changes, and reads anew after it, at most once a second. `current` is a new
 * array whenever something has changed, so that it suits `useSyncExternalStore`.
 */
export class PresenceStore {
  current: readonly Entity[] = [];
  /** Resolves when it was read the first time. */
  readonly ready: Promise<void>;
  readonly #listeners = new Listeners<PresenceEvents>();
  readonly #subscription: Subscription;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Number.POSITIVE_INFINITY;
  #read = 0;
  #closed = false;
  #settle: (() => void) | undefined;

  constructor(
    private readonly host: PresenceHost,
    readonly query: PresenceQuery,
  ) {
    this.ready = new Promise(resolve => {
      this.#settle = resolve;
    });
    const { room, entityType } = query;
    const channel = room ?? (entityType ? `presence.${entityType}.*` : 'presence.>');
    this.#subscription = host.subscribe(channel, { presence: room !== undefined });
    const changes = room === undefined ? /./ : /^(room\.(joined|left)|channel\.|presence)/;
    this.#subscription.on('event', event => {
      if (changes.test(event.type)) this.#soon(SETTLE_SECONDS);
    });
    this.#subscription.on('subscribed', () => this.#soon(0));
    this.#subscription.on('gap', () => this.#soon(0));
    this.#subscription.on('ended', error => {
      if (error) this.#listeners.emit('error', error);
    });
  }

  get(entityId: string): Entity | undefined {
    return this.current.find(each => each.entity_id === entityId);
  }

  on<K extends keyof PresenceEvents>(
    name: K,
    listener: (value: PresenceEvents[K]) => void,
  ): () => void {
    return this.#listeners.on(name, listener);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#subscription.close();
    this.#listeners.clear();
  }

  #soon(seconds: number): void {
    const now = performance.now() / 1000;
    const due = Math.max(now + seconds, this.#read + LEAST_SECONDS * Math.sign(seconds));
    if (this.#closed || due >= this.#due) return;
    this.#due = due;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#refresh(), (due - now) * 1000);
  }

  async #refresh(): Promise<void> {
    this.#due = Number.POSITIVE_INFINITY;
    this.#read = performance.now() / 1000;
    try {
      const found = await this.host.whoIsHere(this.query);
      if (this.#closed) return;
      this.#settle?.();
      if (JSON.stringify(found) !== JSON.stringify(this.current)) {
        this.current = found;
        this.#listeners.emit('change', found);
      }
    } catch (error) {
      this.#listeners.emit('error', error as RealtimeError);
      this.#soon(LEAST_SECONDS);
    }
    if (this.query.room !== undefined && this.host.transport === 'sse') this.#soon(POLL_SECONDS);
  }
}
