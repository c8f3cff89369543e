/** The channels there are, and how much goes through each. */

import { useRef, useState } from 'preact/hooks';
import type { Channel } from '../session/documents.js';
import type { Page } from '../session/desk.js';
import { linkTo } from '../session/route.js';
import { useDesk, usePolled } from '../session/hooks.js';
import { Empty, Head, Spark, Trouble } from '../ui/pieces.js';
import { count, rate } from '../ui/words.js';

const SECONDS = 2;
const SAMPLES = 30;
const PAGE = 500;

interface Flow {
  offset: number;
  at: number;
  rates: readonly number[];
}

/** Events a second of each channel, from how its newest offset moves. */
class Flows {
  readonly #flows = new Map<string, Flow>();

  take(channels: readonly Channel[]): void {
    const at = performance.now();
    for (const { name, last_offset: offset } of channels) {
      const before = this.#flows.get(name);
      const rates = before
        ? [...before.rates, Math.max(0, ((offset - before.offset) * 1000) / (at - before.at))]
        : [];
      this.#flows.set(name, { offset, at, rates: rates.slice(-SAMPLES) });
    }
  }

  of(name: string): readonly number[] {
    return this.#flows.get(name)?.rates ?? [];
  }
}

export function Channels() {
  const desk = useDesk();
  const flows = useRef(new Flows()).current;
  const [wanted, setWanted] = useState('');
  const { data, error } = usePolled(async () => {
    const page = await desk.get<Page<Channel>>(`/v1/channels?page_size=${PAGE}`);
    flows.take(page.items);
    return page;
  }, SECONDS);
  const channels =
    data?.items.filter(each => each.name.toLowerCase().includes(wanted.toLowerCase())) ?? [];
  const all = channels.reduce((sum, each) => sum + (flows.of(each.name).at(-1) ?? 0), 0);
  return (
    <div class="view">
      <Head title="Channels">
        <div class="tools">
          <input
            type="search"
            placeholder="Search"
            aria-label="Search channels"
            value={wanted}
            onInput={event => setWanted(event.currentTarget.value)}
          />
          <span class="rate">
            <b>{rate(all)}</b>/s
          </span>
        </div>
      </Head>
      {error && <Trouble error={error} />}
      {data && channels.length === 0 && (
        <Empty>
          {wanted
            ? 'No channel has such a name.'
            : 'There is no channel yet: one begins with its first event.'}
        </Empty>
      )}
      {channels.length > 0 && <Table channels={channels} flows={flows} />}
      {data?.next_page_token && <p class="note">The first {PAGE}, by name.</p>}
    </div>
  );
}

function Table({ channels, flows }: { channels: readonly Channel[]; flows: Flows }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Channels">
      <table>
        <thead>
          <tr>
            <th scope="col">Channel</th>
            <th scope="col" class="number">
              Events/s
            </th>
            <th scope="col">Last minute</th>
            <th scope="col" class="number more">
              Events
            </th>
            <th scope="col" class="number more">
              Here
            </th>
            <th scope="col" class="more">
              Policy
            </th>
          </tr>
        </thead>
        <tbody>
          {channels.map(each => (
            <Row key={each.name} channel={each} rates={flows.of(each.name)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ channel, rates }: { channel: Channel; rates: readonly number[] }) {
  const { policy } = channel;
  const words = [
    policy.access,
    policy.presence && 'presence',
    policy.publishers !== 'anyone' && `publishers: ${policy.publishers}`,
  ];
  return (
    <tr>
      <th scope="row">
        <a class="mono" href={linkTo('tap', channel.name)}>
          {channel.name}
        </a>
      </th>
      <td class="number">{rate(rates.at(-1) ?? 0)}</td>
      <td>
        <Spark values={rates} />
      </td>
      <td class="number more">{count(channel.last_offset)}</td>
      <td class="number more">{policy.presence ? count(channel.member_count) : '–'}</td>
      <td class="quiet more">{words.filter(Boolean).join(', ')}</td>
    </tr>
  );
}
