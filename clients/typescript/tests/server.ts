/** A real installation for tests: the processes of `blackroad`, on free ports, ended by their ids. */

import { type ChildProcess, spawn } from 'node:child_process';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const PYTHON = `${ROOT}.venv/bin/python`;

function environment(settings: Record<string, string>): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('BLACKROAD_'));
  const ours = Object.entries(settings).map(([name, value]) => [`BLACKROAD_${name}`, value]);
  return Object.fromEntries([...kept, ...ours]) as Record<string, string>;
}

/** One part (`core`, `agents`, `edge`) that runs alone. */
export interface Part {
  readonly process: ChildProcess;
  readonly addresses: Record<string, string>;
  kill(): Promise<void>;
}

/** Start a part; it says on its lifeline where it is, and ends when that is closed. */
export async function part(name: string, settings: Record<string, string>): Promise<Part> {
  const started = spawn(PYTHON, ['-m', 'blackroad.cli', name, '--lifeline', '3'], {
    cwd: ROOT,
    env: environment(settings),
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [started.stdout, started.stderr]) stream?.on('data', data => (said += data));
  const ended = new Promise<void>(resolve => started.once('exit', () => resolve()));
  const line = started.stdio[3] as Socket;
  line.on('error', () => {}); // it was killed
  const ready = await new Promise<string>((resolve, reject) => {
    let text = '';
    line.on('data', data => {
      text += data;
      if (text.includes('\n')) resolve(text);
    });
    void ended.then(() => reject(new Error(`${name} ended:\n${said}`)));
  });
  const kill = async () => {
    started.kill('SIGKILL');
    await ended;
    line.destroy();
  };
  return { process: started, addresses: JSON.parse(ready).ready, kill };
}

const FAST = { LIMITS__USER__MESSAGES_PER_SECOND: '100000', LIMITS__USER__BURST_LIMIT: '100000' };

/** A core with agents and an edge, the edge of which can be killed and started again at its address. */
export class Installation {
  #edge: Part | undefined;
  private constructor(
    readonly core: Part,
    readonly agents: Part,
    readonly settings: Record<string, string>,
    readonly address: string,
    edge: Part,
  ) {
    this.#edge = edge;
  }

  static async start(settings: Record<string, string> = FAST): Promise<Installation> {
    const core = await part('core', { GRPC: '127.0.0.1:0', ...settings });
    const CORE = core.addresses.grpc ?? '';
    const agents = await part('agents', { CORE, ...settings });
    const edge = await part('edge', { CORE, HTTP: '127.0.0.1:0', ...settings });
    return new Installation(core, agents, settings, edge.addresses.http ?? '', edge);
  }

  get url(): string {
    return `http://${this.address}`;
  }

  async kill(): Promise<void> {
    await this.#edge?.kill();
    this.#edge = undefined;
  }

  async restart(): Promise<void> {
    const CORE = this.core.addresses.grpc ?? '';
    this.#edge = await part('edge', { CORE, HTTP: this.address, ...this.settings });
  }

  async stop(): Promise<void> {
    await Promise.all([this.kill(), this.agents.kill(), this.core.kill()]);
  }

  async publish(channel: string, content: unknown): Promise<void> {
    const response = await fetch(`${this.url}/v1/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ channel, event: 'message', content }),
    });
    if (!response.ok) throw new Error(await response.text());
  }
}

/** A network in between that can be cut, or hold its breath. */
export class Network {
  readonly #sockets = new Set<Socket>();
  #server: Server;
  #mute = false;
  #refusing = false;
  connections = 0;
  /** How many streams of events are open. */
  events = 0;

  private constructor(
    target: string,
    private readonly blocked: (head: string) => boolean,
  ) {
    const [host, port] = target.split(':');
    this.#server = createServer(from => {
      this.connections++;
      if (this.#refusing) {
        from.destroy();
        return;
      }
      const to = connect(Number(port), host);
      for (const each of [from, to]) {
        this.#sockets.add(each);
        each.on('error', () => {}); // cut
        each.on('close', () => {
          this.#sockets.delete(each);
          from.destroy();
          to.destroy();
        });
      }
      let streams = false;
      from.on('close', () => streams && this.events--);
      from.on('data', data => {
        if (!streams && data.toString('latin1').startsWith('GET /events/')) {
          streams = true;
          this.events++;
        }
        if (this.blocked(data.toString('latin1'))) from.destroy();
        else if (!this.#mute) to.write(data);
      });
      to.on('data', data => this.#mute || from.write(data));
    });
  }

  static async before(
    target: string,
    blocked: (head: string) => boolean = () => false,
  ): Promise<Network> {
    const network = new Network(target, blocked);
    await new Promise<void>(resolve => network.#server.listen(0, '127.0.0.1', resolve));
    return network;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    for (const each of this.#sockets) each.destroy();
  }

  set refusing(refusing: boolean) {
    this.#refusing = refusing;
    if (refusing) this.cut();
  }

  /** Swallow everything, and say nothing of it. */
  set mute(mute: boolean) {
    this.#mute = mute;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise(resolve => this.#server.close(resolve));
  }
}

/** Blocks WebSockets, as some proxies do. */
export const withoutWebSockets = (head: string): boolean => /^upgrade: websocket/im.test(head);

/** Wait until something is true. */
export async function until(condition: () => boolean, seconds = 10): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not true after ${seconds} s: ${condition}`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

/** `blackroad up`, on free ports. */
export interface Up {
  readonly url: string;
  stop(): Promise<void>;
}

export async function up(settings: Record<string, string>): Promise<Up> {
  const started = spawn(PYTHON, ['-m', 'blackroad.cli', 'up'], {
    cwd: ROOT,
    env: environment({ HTTP: '127.0.0.1:0', GRPC: '127.0.0.1:0', ...settings }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>(resolve => started.once('exit', () => resolve()));
  let said = '';
  for (const stream of [started.stdout, started.stderr])
    stream.on('data', data => {
      said += data;
    });
  const found = () => /Browser\s+(http:\/\/\S+)/.exec(said)?.[1];
  await until(() => found() !== undefined, 30);
  const stop = async () => {
    started.kill('SIGTERM');
    await ended;
  };
  return { url: String(found()), stop };
}
