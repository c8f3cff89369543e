/** The AI SDK's transport: `useChat` with any agent, over reloads, with a stop that stops. */

import { DefaultChatTransport, type UIMessage } from 'ai';
import { httpOf } from '../connection.js';
import type { TokenSource } from '../token.js';

export interface ChatTransportOptions {
  /** The edge's address; the page's own origin by default. */
  readonly url?: string;
  readonly agent?: string;
  readonly capability?: string;
  readonly model?: string;
  readonly token?: TokenSource;
  /** More fields of the body: `options`, `deadline_seconds`, `on_abandoned`. */
  readonly body?: Record<string, unknown>;
}

type Sent<M extends UIMessage> = Parameters<DefaultChatTransport<M>['sendMessages']>[0];

/** Give it to `useChat` as `transport`, with `resume: true`. `stop()` of `useChat` also stops the agent. */
export class BlackRoadChatTransport<
  M extends UIMessage = UIMessage,
> extends DefaultChatTransport<M> {
  readonly #api: string;
  readonly #headers: () => Promise<Record<string, string>>;

  constructor({ url = '', agent, capability, model, token, body }: ChatTransportOptions = {}) {
    const api = `${httpOf(url)}/v1/chat/ui`;
    const headers = async (): Promise<Record<string, string>> => {
      const shown = typeof token === 'function' ? await token() : token;
      return shown ? { authorization: `Bearer ${shown}` } : {};
    };
    super({ api, headers, body: { agent, capability, model, ...body } });
    this.#api = api;
    this.#headers = headers;
  }

  override async sendMessages(sent: Sent<M>) {
    const abort = () => void this.stop(sent.chatId).catch(() => {});
    sent.abortSignal?.addEventListener('abort', abort, { once: true });
    const chunks = await super.sendMessages(sent);
    const done = () => sent.abortSignal?.removeEventListener('abort', abort);
    return chunks.pipeThrough(new TransformStream({ flush: done }));
  }

  /** Stop the answer of a chat, also one that was resumed after a reload. Idempotent. */
  async stop(chatId: string): Promise<void> {
    const path = `${this.#api}/${encodeURIComponent(chatId)}/stop`;
    await fetch(path, { method: 'POST', headers: await this.#headers() });
  }
}
