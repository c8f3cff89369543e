/** What every view works with: the SDK's client, and the HTTP routes as the same user. */

import { RealtimeClient, type RealtimeError } from '@blackroad/realtime';
import type { Access } from './access.js';
import { Pulse } from './pulse.js';

/** A route has refused. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_page_token?: string;
}

export class Desk {
  readonly client: RealtimeClient;
  readonly pulse = new Pulse(this);
  /** Why the client is closed, where it is. */
  closed: RealtimeError | undefined;

  constructor(readonly access: Access) {
    this.client = new RealtimeClient({ clientId: access.clientId, token: access.token });
    this.client.on('error', error => {
      this.closed = error;
    });
  }

  close(): void {
    this.pulse.close();
    this.client.close();
  }

  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#fetch<T>('GET', path, undefined, signal);
  }

  delete<T>(path: string): Promise<T> {
    return this.#fetch<T>('DELETE', path);
  }

  async #fetch<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const headers: Record<string, string> = {};
    if (this.access.token) headers.authorization = `Bearer ${this.access.token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
    const text = await response.text();
    if (response.ok) return (text ? JSON.parse(text) : undefined) as T;
    throw refusal(response.status, text);
  }
}

function refusal(status: number, text: string): Refused {
  try {
    const said = JSON.parse(text);
    return new Refused(status, said.code, said.detail);
  } catch {
    return new Refused(status, 'internal', `The edge answered ${status}.`);
  }
}
