/** The answers that are in progress. */

import type { Desk, Page } from './desk.js';
import type { Stream } from './documents.js';

/** Those in these states, the newest first: up to 500 of each. */
export async function answersIn(desk: Desk, states: readonly string[]): Promise<readonly Stream[]> {
  const read = (status: string) =>
    desk.get<Page<Stream>>(`/v1/streams?page_size=500&status=${status}`);
  const found = (await Promise.all(states.map(read))).flatMap(page => page.items);
  return found.sort((a, b) => (b.created_at ?? '').localeCompare(a.created_at ?? ''));
}
