/** Who the page speaks for, and where that is kept. */

export interface Access {
  readonly clientId: string;
  /** A token of the core's own; none in development, where nobody needs one. */
  readonly token?: string;
}

/** In development a page without a token is this user, at every door. */
export const DEVELOPER: Access = { clientId: 'developer' };

const KEY = 'blackroad.access';

/** What this tab was let in with before it was reloaded. */
export function keptAccess(): Access | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

export function keep(access: Access): void {
  sessionStorage.setItem(KEY, JSON.stringify(access));
}

export function forget(): void {
  sessionStorage.removeItem(KEY);
}

/** Take the ticket out of the address: it is neither kept in the history nor sent to anybody. */
export function takeTicket(): string | undefined {
  const found = /^#ticket=([\w-]+)$/.exec(location.hash);
  if (!found) return undefined;
  history.replaceState(null, '', `${location.pathname}${location.search}`);
  return found[1];
}

/** Turn a ticket, or somebody's token, into a token of the core's own. Throws what to tell the user. */
export async function enter(shown: { ticket: string } | { token: string }): Promise<Access> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if ('token' in shown) headers.authorization = `Bearer ${shown.token}`;
  const body = JSON.stringify('ticket' in shown ? shown : {});
  const response = await fetch('/v1/tokens', { method: 'POST', headers, body }).catch(() => null);
  if (!response) throw new Error('The edge does not answer. Try again in a moment.');
  const said = await response.json().catch(() => ({}));
  if (response.ok) return { clientId: said.client_id, token: said.token };
  if (response.status !== 401)
    throw new Error(said.detail ?? `The edge answered ${response.status}.`);
  throw new Error(
    'ticket' in shown
      ? 'That link was used already, or is older than half a minute. Run `blackroad console` for a new one.'
      : `That token was refused: ${said.detail ?? 'it is not valid'}.`,
  );
}
