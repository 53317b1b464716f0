// What the specs use of `ssh2`, which brings no types.
declare module 'ssh2' {
  import type { EventEmitter } from 'node:events';
  import type { Duplex } from 'node:stream';

  type Done<T> = (error: Error | undefined, result: T) => void;

  interface Sftp {
    writeFile(path: string, bytes: Buffer, done: (error?: Error) => void): void;
    readFile(path: string, done: Done<Buffer>): void;
  }

  export interface Client extends EventEmitter {
    connect(config: { readonly sock: Duplex; readonly username: string; readonly privateKey: Buffer }): this;
    exec(command: string, done: Done<Duplex>): boolean;
    sftp(done: Done<Sftp>): void;
    forwardOut(fromHost: string, fromPort: number, host: string, port: number, done: Done<Duplex>): boolean;
    end(): this;
    destroy(): this;
  }

  const ssh2: { readonly Client: new () => Client };
  export default ssh2;
}
