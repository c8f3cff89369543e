/** A connection over WebSocket. */

import type { Address, Connection, Hearer } from './connection.js';
import type { Frame } from './frames.js';

export interface Deadlines {
  /** From the handshake to `welcome`. */
  readonly connectSeconds: number;
  /** Between pings, where the server does not say. */
  readonly pingSeconds: number;
  /** For the answer to a ping. */
  readonly pongSeconds: number;
  /** Over SSE, until WebSockets that have worked before are tried again. */
  readonly upgradeSeconds: number;
  /** Hidden for so long, a page is `away`. */
  readonly awaySeconds: number;
}

export class WebSocketConnection implements Connection {
  readonly transport = 'websocket';
  readonly #socket: WebSocket;
  #hearer: Hearer | undefined;
  #closing: Frame | undefined;
  #welcomed = false;
  #heard = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    make: typeof WebSocket,
    address: Address,
    token: string | undefined,
    private readonly deadlines: Deadlines,
    hearer: Hearer,
  ) {
    this.#hearer = hearer;
    const url = `${address.url.replace(/^http/, 'ws')}/ws/${encodeURIComponent(address.clientId)}`;
    this.#socket = new make(url, token ? ['blackroad.v1', `bearer.${token}`] : ['blackroad.v1']);
    this.#socket.onmessage = message => this.#hear(String(message.data));
    this.#socket.onclose = event => this.#end(event.code);
    this.#socket.onerror = () => {}; // `close` follows and says more
    this.#after(deadlines.connectSeconds, () => this.#end(4408));
  }

  send(frame: Frame): void {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /** Ask for a sign of life at once: the network may have changed. */
  probe(): void {
    if (!this.#welcomed || !this.#hearer) return;
    this.#heard = false;
    this.send({ type: 'ping' });
    this.#after(this.deadlines.pongSeconds, () => (this.#heard ? this.#beat() : this.#end(4408)));
  }

  close(): void {
    this.#hearer = undefined;
    this.#drop(1000);
  }

  #hear(text: string): void {
    const frame = parse(text);
    if (!frame || !this.#hearer) return;
    this.#heard = true;
    if (frame.type === 'welcome') {
      this.#welcomed = true;
      this.#beat();
    }
    if (frame.type === 'closing') this.#closing = frame;
    this.#hearer.onframe(frame);
  }

  /** Whatever comes is a sign of life; after silence a ping asks for one. */
  #beat(): void {
    this.#heard = false;
    this.#after(this.deadlines.pingSeconds, () => (this.#heard ? this.#beat() : this.probe()));
  }

  #after(seconds: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, seconds * 1000);
  }

  #end(code: number): void {
    const hearer = this.#hearer;
    this.#hearer = undefined;
    this.#drop(1000);
    hearer?.onend({ code, closing: this.#closing, silent: !this.#welcomed && !this.#closing });
  }

  #drop(code: number): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    socket.onmessage = socket.onclose = null;
    if (socket.readyState < 2) socket.close(code);
  }
}

export function parse(text: string): Frame | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const known = typeof value === 'object' && value !== null && 'type' in value;
    return known ? (value as Frame) : undefined;
  } catch {
    return undefined; // what is no JSON is no frame of ours
  }
}
