import { describe, expect } from 'vitest';
import { NEVER } from 'rxjs';
import { IOStream, socks5, type Dial, type Wire } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';

describe('a wire with host and port', () => {
  const dialledBy = (plugin: object): Dial['to'] => {
    let to: Dial['to'];
    const wire: Wire = (dial) => {
      to = dial.to;
      return () => NEVER;
    };
    new IOStream({ wire, host: 'target.test', port: 7, plugin: { ...plugin } }).reset();
    return to;
  };

  spec('is dialled with them', async () => {
    expect(dialledBy({})).toEqual({ host: 'target.test', port: 7 });
  });

  spec('is dialled with the address of a proxy, which asks for them', async () => {
    expect(dialledBy({ proxy: socks5({ host: 'proxy.test', port: 1080 }) })).toEqual({ host: 'proxy.test', port: 1080 });
  });

  spec('has no target without them', async () => {
    let to: Dial['to'] = { path: 'unset' };
    const wire: Wire = (dial) => {
      to = dial.to;
      return () => NEVER;
    };
    new IOStream({ wire }).reset();
    expect(to).toBeUndefined();
  });
});
