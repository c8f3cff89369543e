/** The way to the server: one connection after the other, for as long as the client lives. */

import { Backoff } from './backoff.js';
import { type Address, type Connection, type Ending, httpOf } from './connection.js';
import { errorOf, isTerminal, RealtimeError } from './errors.js';
import type { Frame } from './frames.js';
import { SseConnection } from './sse/connection.js';
import { Token, type TokenSource } from './token.js';
import { type Deadlines, WebSocketConnection } from './websocket.js';

/** `waiting`: between two attempts. `closed` is the end. */
export type State = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';

export interface SessionOptions {
  /** `http(s)://` or `ws(s)://`; in a browser the page's own origin by default. */
  readonly url?: string;
  readonly clientId: string;
  /** A token, or what gives one: asked before each attempt, and again before the token ends. */
  readonly token?: TokenSource;
  /** `auto`: WebSocket, and SSE where WebSockets are blocked. */
  readonly transport?: 'auto' | 'websocket' | 'sse';
  /** Whether the tabs of an origin with this `clientId` share one stream of events. True by default. */
  readonly shareTabs?: boolean;
  /** For runtimes without one, such as Node 20: that of `ws`. */
  readonly webSocket?: typeof WebSocket;
  readonly deadlines?: Partial<Deadlines>;
  /** From 0 to 1, for the jitter. */
  readonly random?: () => number;
}

export interface SessionHearer {
  onstate(state: State): void;
  onopen(send: (frame: Frame) => void, welcome: Frame): void;
  onframe(frame: Frame): void;
  onlost(): void;
  /** An attempt or connection ended with a reason; the client goes on unless `onclosed` follows. */
  onerror(error: RealtimeError): void;
  onclosed(error: RealtimeError): void;
  refresh(token: string): Promise<Frame>;
}

const STABLE_SECONDS = 5;
const TRIES = 3;

export class Session {
  state: State = 'idle';
  transport: 'websocket' | 'sse' | undefined;
  readonly #token: Token;
  readonly #backoff: Backoff;
  readonly #deadlines: Deadlines;
  #connection: Connection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #openedAt = 0;
  #silent = 0;
  #worked = false;
  #renewed = false;
  readonly #awake = () => this.#wake();

  constructor(
    private readonly options: SessionOptions,
    private readonly hearer: SessionHearer,
  ) {
    this.#token = new Token(options.token);
    this.#backoff = new Backoff(options.random);
    this.#deadlines = {
      connectSeconds: 10,
      pingSeconds: 25,
      pongSeconds: 8,
      upgradeSeconds: 60,
      awaySeconds: 300,
      ...options.deadlines,
    };
  }

  /** Connect, and stay connected. Idempotent. */
  open(): void {
    if (this.state !== 'idle') return;
    globalThis.addEventListener?.('online', this.#awake);
    globalThis.document?.addEventListener('visibilitychange', this.#awake);
    void this.#connect();
  }

  /** End it for good. Idempotent. */
  close(error = new RealtimeError('closed', 'the client was closed')): void {
    if (this.state === 'closed') return;
    globalThis.removeEventListener?.('online', this.#awake);
    globalThis.document?.removeEventListener('visibilitychange', this.#awake);
    this.#drop();
    this.#become('closed');
    this.hearer.onclosed(error);
  }

  get #address(): Address {
    const { url = globalThis.location?.origin, clientId } = this.options;
    if (!url) throw new RealtimeError('bad_frame', '`url` is needed outside of a browser');
    return { url: httpOf(url), clientId };
  }

  #become(state: State): void {
    this.state = state;
    this.hearer.onstate(state);
  }

  #drop(): void {
    this.#attempt++;
    clearTimeout(this.#timer);
    this.#token.stop();
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #connect(): Promise<void> {
    this.#drop();
    const attempt = this.#attempt;
    this.#become('connecting');
    try {
      const token = await this.#token.get();
      if (attempt === this.#attempt) this.#connection = this.#make(token, attempt);
    } catch (error) {
      if (attempt !== this.#attempt) return;
      const reason =
        error instanceof RealtimeError
          ? error
          : new RealtimeError('unauthenticated', String(error), true);
      this.hearer.onerror(reason);
      // Where nobody gives another token, what cannot even be sent will never be.
      if (reason.code === 'bad_frame' || !this.#token.renewable) this.close(reason);
      else this.#wait(reason.retryAfterSeconds);
    }
  }

  #make(token: string | undefined, attempt: number): Connection {
    const mine = () => attempt === this.#attempt;
    const hearer = {
      onframe: (frame: Frame) => mine() && this.#hear(frame),
      onend: (ending: Ending) => mine() && this.#end(ending),
    };
    const make = this.options.webSocket ?? globalThis.WebSocket;
    if (this.#usesSse(make)) {
      const { shareTabs = true } = this.options;
      const { connectSeconds } = this.#deadlines;
      return new SseConnection(this.#address, token, { connectSeconds, share: shareTabs }, hearer);
    }
    return new WebSocketConnection(make, this.#address, token, this.#deadlines, hearer);
  }

  /** WebSockets are taken for blocked where they fail without a word: at once, or thrice where one has worked. */
  #usesSse(make: typeof WebSocket | undefined): boolean {
    const { transport = 'auto' } = this.options;
    if (transport !== 'auto') return transport === 'sse';
    return make === undefined || this.#silent >= (this.#worked ? TRIES : 1);
  }

  #hear(frame: Frame): void {
    if (frame.type === 'welcome') this.#welcome(frame);
    else this.hearer.onframe(frame);
  }

  #welcome(frame: Frame): void {
    const connection = this.#connection;
    if (!connection) return;
    this.transport = connection.transport;
    this.#openedAt = performance.now();
    this.#renewed = false;
    if (this.transport === 'websocket') {
      this.#worked = true;
      this.#silent = 0;
    } else if (this.#worked) {
      this.#timer = setTimeout(() => this.#upgrade(), this.#deadlines.upgradeSeconds * 1000);
    }
    this.#token.watch(frame.expires_at, () => void this.#renew());
    this.hearer.onopen(each => connection.send(each), frame);
    this.#become('open');
  }

  /** WebSockets have worked before: see whether they do again. */
  #upgrade(): void {
    this.#silent = 0;
    this.hearer.onlost();
    void this.#connect();
  }

  async #renew(): Promise<void> {
    const attempt = this.#attempt;
    try {
      const token = await this.#token.get();
      if (token === undefined || attempt !== this.#attempt) return;
      const accepted = await this.hearer.refresh(token);
      if (attempt === this.#attempt)
        this.#token.watch(accepted.expires_at, () => void this.#renew());
    } catch (error) {
      this.hearer.onerror(
        error instanceof RealtimeError
          ? error
          : new RealtimeError('unauthenticated', String(error)),
      );
    }
  }

  #end({ code, closing, silent }: Ending): void {
    const opened = this.state === 'open';
    const error = closing
      ? errorOf(closing)
      : new RealtimeError('unavailable', `the connection ended (${code})`, true);
    const websocket = this.#connection?.transport === 'websocket';
    if (websocket && silent) this.#silent++;
    else if (!websocket && (!opened || this.#worked)) this.#silent = 0; // try WebSockets again
    if (opened && performance.now() - this.#openedAt > STABLE_SECONDS * 1000) this.#backoff.reset();
    this.#drop();
    if (opened) this.hearer.onlost();
    this.hearer.onerror(error);
    if (this.state === 'closed') return; // a listener closed it
    const fresh = code === 4401 && this.#token.renewable && !this.#renewed;
    if (fresh) this.#renewed = true;
    if (isTerminal(code) && !fresh) this.close(error);
    else this.#wait(error.retryAfterSeconds);
  }

  #wait(retryAfterSeconds?: number): void {
    this.#become('waiting');
    const seconds = this.#backoff.next(retryAfterSeconds);
    this.#timer = setTimeout(() => void this.#connect(), seconds * 1000);
  }

  /** The network or the page is back: do not wait, and do not trust a connection that may be dead. */
  #wake(): void {
    if (globalThis.document?.visibilityState === 'hidden') return;
    if (this.#connection instanceof WebSocketConnection) this.#connection.probe();
  }
}
