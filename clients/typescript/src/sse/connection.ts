/** A connection where WebSockets are blocked: events by SSE, requests by HTTP, and the WebSocket's frames. */

import type { Address, Connection, Ending, Hearer } from '../connection.js';
import { RealtimeError } from '../errors.js';
import type { Frame } from '../frames.js';
import type { Want } from './place.js';
import { refusal } from './reader.js';
import { canShare, type Followed, OwnFeed, SharedFeed } from './shared.js';

const ENDINGS = new Set(['finished', 'failed', 'cancelled']);

type Body = Record<string, unknown>;

export class SseConnection implements Connection {
  readonly transport = 'sse';
  readonly #stop = new AbortController();
  readonly #wants = new Map<string, Want>();
  readonly #asked = new Map<number, string | undefined>();
  /** The callers' own ids, by the room of their answer. */
  readonly #answers = new Map<string, string>();
  #hearer: Hearer | undefined;
  #feed: Followed;
  #timer: ReturnType<typeof setTimeout>;
  #nonce = 0;
  #welcomed = false;

  constructor(
    private readonly address: Address,
    private token: string | undefined,
    options: { connectSeconds: number; share: boolean },
    hearer: Hearer,
  ) {
    this.#hearer = hearer;
    const source = {
      url: (rooms: readonly string[]) =>
        `${address.url}/events/${encodeURIComponent(address.clientId)}?full=true&channels=${rooms.map(encodeURIComponent).join(',')}`,
      headers: async () => this.#headers(),
    };
    const told = {
      onopen: () => this.#welcome(),
      ontold: (frame: Frame) => this.#told(frame),
      onlost: (ending: Ending) => this.#end(ending),
    };
    const key = `blackroad ${address.url} ${address.clientId}`;
    this.#timer = setTimeout(
      () => this.#end({ code: 4408, silent: true }),
      options.connectSeconds * 1000,
    );
    this.#feed =
      options.share && canShare() ? new SharedFeed(key, source, told) : new OwnFeed(source, told);
  }

  send(frame: Frame): void {
    const { type, id } = frame;
    if (type === 'subscribe') this.#subscribe(frame);
    else if (type === 'unsubscribe') this.#unsubscribe(frame);
    else if (type === 'ping') this.#hear({ type: 'pong', id });
    else if (type === 'token') {
      this.token = String(frame.token);
      this.#hear({ type: 'accepted', id });
    } else void this.#request(frame);
  }

  close(): void {
    this.#hearer = undefined;
    clearTimeout(this.#timer);
    this.#feed.close();
    this.#stop.abort();
  }

  #hear(frame: Frame): void {
    this.#hearer?.onframe(frame);
  }

  /** The first time that the feed's stream opens; it does so again whenever its rooms change. */
  #welcome(): void {
    if (this.#welcomed) return;
    this.#welcomed = true;
    clearTimeout(this.#timer);
    this.#hear({ type: 'welcome', client_id: this.address.clientId, protocol: 1 });
  }

  #end(ending: Ending): void {
    const hearer = this.#hearer;
    this.close();
    hearer?.onend(ending);
  }

  #subscribe(frame: Frame): void {
    const given = (frame.rooms ?? [{ ...frame, room: frame.room }]) as Want[];
    for (const { room, cursor, history } of given) {
      const nonce = ++this.#nonce;
      this.#asked.set(nonce, frame.id);
      this.#wants.set(room, { room, cursor, history, nonce });
    }
    this.#feed.want([...this.#wants.values()]);
  }

  #unsubscribe(frame: Frame): void {
    this.#wants.delete(String(frame.room));
    this.#feed.want([...this.#wants.values()]);
    this.#hear({ type: 'unsubscribed', room: frame.room, id: frame.id });
  }

  /** What the feed tells: answers to `subscribe` get their request's id, parts of an answer the caller's. */
  #told(frame: Frame): void {
    const room = String(frame.subscription ?? frame.room);
    if (frame.type !== 'bookmark' && !this.#wants.has(room)) return;
    const { nonce, ...shown } = frame;
    const id = typeof nonce === 'number' ? this.#asked.get(nonce) : this.#answers.get(room);
    if (typeof nonce === 'number') this.#asked.delete(nonce);
    if (ENDINGS.has(String(frame.status))) {
      this.#answers.delete(room);
      this.#wants.delete(room);
      this.#feed.want([...this.#wants.values()]);
    }
    this.#hear(id === undefined ? shown : { ...shown, id });
  }

  #headers(): Record<string, string> {
    return this.token ? { authorization: `Bearer ${this.token}` } : {};
  }

  async #request(frame: Frame): Promise<void> {
    const { id } = frame;
    try {
      this.#hear({ ...(await this.#served(frame)), id } as Frame);
    } catch (error) {
      if (!(error instanceof RealtimeError)) {
        this.#end({ code: 1006, silent: false }); // the network: all that was asked waits for the next one
        return;
      }
      const { code, message, retryable, retryAfterSeconds } = error;
      this.#hear({
        type: 'error',
        id,
        code,
        message,
        retryable,
        retry_after_seconds: retryAfterSeconds,
      });
    }
  }

  async #served(frame: Frame): Promise<Frame> {
    const { type, id: _, room, ...rest } = frame;
    const channel = encodeURIComponent(String(room));
    const stream = encodeURIComponent(String(frame.stream_id));
    switch (type) {
      case 'message':
      case 'publish': {
        const event = type === 'message' ? 'message' : frame.event;
        const found = await this.#fetch('POST', '/v1/publish', { ...rest, event, channel: room });
        return { ...found, type: 'published', room };
      }
      case 'history': {
        const query = queryOf({ limit: frame.limit, before: frame.before, after: frame.after });
        const { items, more } = await this.#fetch('GET', `/v1/channels/${channel}/events${query}`);
        return { type, room, events: items, more };
      }
      case 'presence':
        return { type, room, entities: await this.#entities(frame) };
      case 'cancel':
        await this.#fetch('DELETE', `/v1/streams/${stream}`);
        return { type: 'accepted' };
      case 'input':
        await this.#fetch('POST', `/v1/streams/${stream}/input`, { content: frame.content });
        return { type: 'accepted' };
      case 'agent.invoke':
        return this.#invoke(frame.id, rest);
      default:
        throw new RealtimeError('unimplemented', `${type} needs a WebSocket`);
    }
  }

  async #invoke(id: string | undefined, body: Body): Promise<Frame> {
    const { stream_id } = await this.#fetch('POST', '/v1/streams', body);
    const room = `stream.${stream_id}`;
    if (id !== undefined) this.#answers.set(room, id);
    return { type: 'agent.opened', stream_id };
  }

  async #entities(frame: Frame): Promise<unknown[]> {
    const { room, entity_type, entity_id } = frame;
    if (entity_id !== undefined) {
      return [
        await this.#fetch(
          'GET',
          `/v1/presence/${entity_type}/${encodeURIComponent(String(entity_id))}`,
        ),
      ];
    }
    const found: unknown[] = [];
    let page_token: unknown = '';
    do {
      const query = queryOf({
        channel: room,
        entity_type,
        page_size: 500,
        page_token: page_token || undefined,
      });
      const page: Body = await this.#fetch('GET', `/v1/presence${query}`);
      found.push(...(page.items as unknown[]));
      page_token = page.next_page_token;
    } while (page_token);
    return found;
  }

  async #fetch(method: string, path: string, body?: Body): Promise<Body> {
    const response = await fetch(`${this.address.url}${path}`, {
      method,
      headers: { ...this.#headers(), ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
      signal: this.#stop.signal,
    });
    if (!response.ok) throw await refusal(response);
    return (await response.json()) as Body;
  }
}

function queryOf(fields: Body): string {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length > 0
    ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`
    : '';
}
