/** The core processes, the health of their engine, and how fast everything answers. */

import { useEffect, useReducer } from 'preact/hooks';
import type { NodeInfo } from '../session/documents.js';
import type { Page } from '../session/desk.js';
import { useDesk, usePolled } from '../session/hooks.js';
import { Chart, type Curve } from '../ui/Chart.js';
import { Empty, Head, Status, Trouble } from '../ui/pieces.js';
import type { Theme } from '../ui/theme.js';
import { count, milliseconds, rate, since } from '../ui/words.js';

export function Nodes({ theme }: { theme: Theme }) {
  const desk = useDesk();
  const { data, error } = usePolled(() => desk.get<Page<NodeInfo>>('/v1/nodes?page_size=500'), 3);
  return (
    <div class="view">
      <Head title="Nodes" />
      {error && <Trouble error={error} />}
      <ul class="cards nodes">
        {data?.items.map(each => (
          <Card key={each.name} node={each} />
        ))}
      </ul>
      <Curves theme={theme} />
    </div>
  );
}

const stateOf = (node: NodeInfo): string => {
  if (!node.engine_healthy) return 'unreachable';
  return node.draining ? 'draining' : 'healthy';
};

function Card({ node }: { node: NodeInfo }) {
  return (
    <li class="card">
      <div class="top">
        <h2>{node.name}</h2>
        <Status word={node.draining ? 'draining' : 'running'} />
      </div>
      <dl class="facts">
        <Fact name="Log engine">
          {node.engine} <Status word={stateOf({ ...node, draining: false })} />
        </Fact>
        <Fact name="Sessions">{count(node.sessions)}</Fact>
        <Fact name="Workers">{count(node.workers)}</Fact>
        <Fact name="Edges">{count(node.edges)}</Fact>
        <Fact name="Up for">{since(node.started_at)}</Fact>
        <Fact name="Version">{node.version}</Fact>
      </dl>
    </li>
  );
}

const Fact = ({ name, children }: { name: string; children: preact.ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

function Curves({ theme }: { theme: Theme }) {
  const { pulse } = useDesk();
  const [, redraw] = useReducer((turn: number) => turn + 1, 0);
  useEffect(() => pulse.follow(() => redraw(0)), [pulse]);
  const { beats, metrics } = pulse;
  const times = beats.map(each => each.at);
  const latency: Curve[] = [
    { name: 'edge', colour: 'curve-1', values: beats.map(each => each.edge) },
    { name: 'edge and core', colour: 'curve-2', values: beats.map(each => each.core) },
  ];
  const events: Curve[] = [
    { name: 'events', colour: 'curve-1', values: beats.map(each => each.events) },
  ];
  const sockets = metrics.get('blackroad_edge_sessions{door="websocket"}');
  const readers = metrics.get('blackroad_edge_sessions{door="sse"}');
  return (
    <section>
      <h2>This edge</h2>
      <dl class="facts wide">
        <Fact name="WebSockets">{count(sockets ?? 0)}</Fact>
        <Fact name="Event streams">{count(readers ?? 0)}</Fact>
        <Fact name="Events handed on">
          {count(metrics.get('blackroad_edge_live_events_total') ?? 0)}
        </Fact>
        <Fact name="Links to a core so far">
          {count(metrics.get('blackroad_edge_trunk_connects_total') ?? 0)}
        </Fact>
      </dl>
      {beats.length === 0 && <Empty>Measuring…</Empty>}
      <div class="charts">
        <Measured
          title="There and back"
          note="from this page, every 2 s"
          curves={latency}
          shown={milliseconds}
          times={times}
          theme={theme}
        />
        <Measured
          title="Events a second"
          note="handed on by this edge"
          curves={events}
          shown={rate}
          times={times}
          theme={theme}
        />
      </div>
    </section>
  );
}

interface MeasuredProps {
  title: string;
  note: string;
  curves: readonly Curve[];
  shown: (value: number) => string;
  times: readonly number[];
  theme: Theme;
}

function Measured({ title, note, curves, shown, times, theme }: MeasuredProps) {
  return (
    <figure class="card">
      <figcaption>
        <h3>{title}</h3>
        <span class="quiet">{note}</span>
      </figcaption>
      <table class="legend">
        <thead>
          <tr>
            <th scope="col">
              <span class="unseen">Curve</span>
            </th>
            <th scope="col" class="number">
              now
            </th>
            <th scope="col" class="number">
              median
            </th>
            <th scope="col" class="number">
              most
            </th>
          </tr>
        </thead>
        <tbody>
          {curves.map(each => (
            <Legend key={each.name} curve={each} shown={shown} />
          ))}
        </tbody>
      </table>
      <Chart
        label={`${title}: the last ${times.length} samples as curves`}
        times={times}
        curves={curves}
        shown={shown}
        theme={theme}
      />
    </figure>
  );
}

function Legend({ curve, shown }: { curve: Curve; shown: (value: number) => string }) {
  const values = curve.values.filter(each => each !== null);
  const sorted = [...values].sort((one, other) => one - other);
  const say = (value: number | undefined) => (value === undefined ? '–' : shown(value));
  return (
    <tr>
      <th scope="row">
        <i class={curve.colour} aria-hidden="true" />
        {curve.name}
      </th>
      <td class="number">{say(values.at(-1))}</td>
      <td class="number">{say(sorted[Math.floor(sorted.length / 2)])}</td>
      <td class="number">{say(sorted.at(-1))}</td>
    </tr>
  );
}
