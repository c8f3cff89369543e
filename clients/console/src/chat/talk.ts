/** A conversation: its turns, the answer in progress, and how it is found again after a reload. */

import type { Answer, RealtimeError, RealtimeEvent } from '@blackroad/realtime';
import type { Stream } from '../session/documents.js';
import type { Desk, Page } from '../session/desk.js';
import { asked, fold, isOver, type Turn, turnOf } from './turn.js';

export interface Exchange {
  readonly key: string;
  readonly question?: string;
  readonly turn?: Turn;
}

/** An agent or a model by its name: models have a provider. */
export const invoke = (desk: Desk, name: string, text: string, conversation: string): Answer =>
  (name.includes('/') ? desk.client.model(name) : desk.client.agent(name)).invoke(text, {
    conversation,
  });

/** Follow an answer to its end; each step is told, at most once a frame of the screen. */
export async function follow(
  answer: Answer,
  begin: Turn,
  tell: (turn: Turn) => void,
): Promise<void> {
  const began = performance.now();
  let turn = begin;
  let drawn = 0;
  const draw = () => {
    drawn = 0;
    tell(turn);
  };
  try {
    for await (const part of answer) {
      turn = fold(turn, part);
      drawn ||= requestAnimationFrame(draw);
    }
  } catch (error) {
    if (!isOver(turn))
      turn = { ...turn, status: 'failed', trouble: (error as RealtimeError).message };
  }
  cancelAnimationFrame(drawn);
  const seconds = (performance.now() - began) / 1000;
  tell(begin.streamId ? turn : { ...turn, took: `${seconds.toFixed(1)} s` });
}

/** Read what was said before. Answers are kept an hour with all their parts, then as text only. */
export async function readTalk(desk: Desk, conversation: string): Promise<readonly Exchange[]> {
  const [messages, turns] = await Promise.all([
    readMessages(desk, conversation),
    readTurns(desk, conversation),
  ]);
  const exchanges = new Map<string, Exchange>();
  for (const message of messages) {
    const key = message.correlation_id ?? message.event_id ?? '';
    const before = exchanges.get(key);
    const text =
      typeof message.content === 'string' ? message.content : JSON.stringify(message.content);
    if (message.from_kind === 'user' || !before)
      exchanges.set(key, { key, question: text, turn: turns.get(key) });
    else if (!before.turn) exchanges.set(key, { ...before, turn: said(message.from, text) });
  }
  return [...exchanges.values()];
}

const said = (agent: string | undefined, text: string): Turn => ({
  ...asked,
  status: 'finished',
  agent,
  parts: [{ kind: 'text', text }],
});

async function readMessages(desk: Desk, conversation: string): Promise<readonly RealtimeEvent[]> {
  try {
    return (await desk.client.history(`conversation.${conversation}`, { limit: 100 })).events;
  } catch (error) {
    if ((error as RealtimeError).code === 'not_found') return [];
    throw error;
  }
}

/** The answers that are kept, by their ids. */
async function readTurns(desk: Desk, conversation: string): Promise<ReadonlyMap<string, Turn>> {
  const path = `/v1/streams?page_size=100&conversation=${encodeURIComponent(conversation)}`;
  const { items } = await desk.get<Page<Stream>>(path);
  const whole = await Promise.all(
    items.map(each => desk.get<Stream>(`/v1/streams/${each.stream_id}`)),
  );
  return new Map(whole.map(each => [each.stream_id, turnOf(each)]));
}
