/** Lines that must pass the linter (`unbound-method`): functions that are taken out of their objects. Nothing here runs. */
import type { Link, Server } from 'rxjs-io-stream';
import type { Peer, Report } from 'rxjs-io-stream/testing';

declare function look(...values: unknown[]): void;

export function areProperties(server: Server, link: Link, peer: Peer, report: Report): void {
  const { drain } = server;
  const { read, readUntil, send, wait } = link;
  const { write, end, reset, pause, resume, received, count, ended, failed } = peer;
  const { assert } = report;
  look(drain, read, readUntil, send, wait, write, end, reset, pause, resume, received, count, ended, failed, assert);
}
