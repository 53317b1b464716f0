import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The addresses of the two ends of the virtual cable. */
export const ADDRESSES = {
  a: { v4: '10.77.0.1', v6: 'fd77::1' },
  b: { v4: '10.77.0.2', v6: 'fd77::2' },
} as const;
export type End = keyof typeof ADDRESSES;

const ETC = '/etc/netns';

/** Two network namespaces, `a` and `b`, with a virtual cable between them. Neither reaches the network of the machine. */
export class Namespaces {
  readonly #id: string;

  /** @param id makes the names unique; not needed for one pair per process. */
  constructor(id = '') {
    this.#id = `iost-${process.pid}${id}`;
    try {
      for (const end of ['a', 'b'] as const) ip('netns', 'add', this.name(end));
      ip('link', 'add', 'veth', 'netns', this.name('a'), 'type', 'veth', 'peer', 'name', 'veth', 'netns', this.name('b'));
      for (const end of ['a', 'b'] as const) {
        this.ip(end, '-4', 'addr', 'add', `${ADDRESSES[end].v4}/24`, 'dev', 'veth');
        this.ip(end, '-6', 'addr', 'add', `${ADDRESSES[end].v6}/64`, 'dev', 'veth', 'nodad');
        this.ip(end, 'link', 'set', 'lo', 'up');
        this.ip(end, 'link', 'set', 'veth', 'up');
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  name(end: End): string {
    return `${this.#id}-${end}`;
  }

  /** Returns the command that runs a command in the namespace. */
  inside(end: End, ...command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.name(end), ...command];
  }

  /** `ip -n` of the namespace. */
  ip(end: End, ...args: readonly string[]): void {
    ip('-n', this.name(end), ...args);
  }

  /** Sets a variable of the kernel for this namespace: `net/ipv4/…`. */
  sysctl(end: End, name: string, value: string): void {
    ip('netns', 'exec', this.name(end), 'sh', '-c', 'echo "$1" >"/proc/sys/$0"', name, value);
  }

  /** Sets the DNS server of the namespace, for programs that are started later. */
  nameserver(end: End, address: string): void {
    mkdirSync(join(ETC, this.name(end)), { recursive: true });
    writeFileSync(join(ETC, this.name(end), 'resolv.conf'), `nameserver ${address}\noptions timeout:1 attempts:1\n`);
  }

  /** Removes both, and the cable. Programs inside must have ended. */
  remove(): void {
    for (const end of ['a', 'b'] as const) {
      quietly(() => ip('netns', 'del', this.name(end)));
      rmSync(join(ETC, this.name(end)), { recursive: true, force: true });
    }
    quietly(() => rmdirSync(ETC)); // the last one
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // it does not exist, or others use it
  }
}

/** The reason why no namespace can be created here; empty if one can. */
export const noNamespaces: string = reason();

function reason(): string {
  try {
    new Namespaces('-try').remove();
    return '';
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { readonly stderr?: Buffer };
    if (code === 'ENOENT') return 'there is no `ip`';
    // Only the error message of `ip` is a reason to skip. Any other error is a bug here.
    if (!stderr) throw error;
    return stderr.toString().trim();
  }
}
