import { describe, expect, it } from 'vitest';
import type { PersistentOptions } from '../../src/reconnect/persistent-types.ts';
import { persistent } from '../../src/reconnect/persistent.ts';
import { inVirtualTime, type VirtualTime } from '../stream/tools.ts';
import { namedTarget, noteStatus, type NamedTarget } from './persistent-tools.ts';

interface Scene {
  readonly v: VirtualTime;
  readonly targets: readonly NamedTarget[];
  /** The names of the targets that refuse. */
  readonly down: Set<string>;
  readonly close: () => void;
}

/** Runs a persistent stream with the targets a, b and c; `down` names those that refuse from the start. */
function run(names: string, down: string, settings: PersistentOptions, script: (scene: Scene) => void = () => {}): string[] {
  return inVirtualTime(200_000, (v) => {
    const isDown = new Set(down);
    const targets = names.split('').map((name) => namedTarget(v, name, () => isDown.has(name)));
    const p = persistent(
      targets.map(({ target }) => target),
      { jitter: 0, scheduler: v.scheduler, ...settings },
    );
    noteStatus(v, p);
    script({ v, targets, down: isDown, close: p.close });
    v.at(190_000, p.close);
  });
}

const lose = ({ targets }: Scene, at: number): void => targets[at]?.peers.at(-1)?.reset();

describe('several targets of a persistent stream', () => {
  it('are tried in order, at once, and with a delay when all have failed', () => {
    const log = run('ab', 'ab', { attempts: 6 });
    expect(log).toStrictEqual([
      '0 connecting 1 a',
      '0 waiting 1 a ECONNREFUSED 0',
      '0 connecting 2 b',
      '0 waiting 2 b ECONNREFUSED 100',
      '100 connecting 3 a',
      '100 waiting 3 a ECONNREFUSED 0',
      '100 connecting 4 b',
      '100 waiting 4 b ECONNREFUSED 200',
      '300 connecting 5 a',
      '300 waiting 5 a ECONNREFUSED 0',
      '300 connecting 6 b',
      '300 closed 6 b ECONNREFUSED',
      '300 complete',
    ]);
  });

  it('prefer the ones that did not fail lately, and the first one again after preferAfter', () => {
    const log = run('abc', 'a', { preferAfter: 20_000 }, (scene) => {
      const { v, down } = scene;
      v.at(10_000, () => lose(scene, 1)); // a failed 10 s ago: c is next
      v.at(11_000, () => down.delete('a'));
      v.at(25_000, () => lose(scene, 2)); // a failed 25 s ago
    });
    expect(log.filter((line) => line.includes('connected'))).toStrictEqual([
      '0 connected 2 b',
      '10000 connected 3 c',
      '25000 connected 4 a',
    ]);
  });

  it('are tried by their own delays while all of them have failed lately', () => {
    const log = run('ab', 'a', {}, (scene) => {
      const { v, down } = scene;
      v.at(50, () => lose(scene, 1)); // both have failed, and a may be tried again at 100
      v.at(60, () => down.delete('a'));
      v.at(10_000, () => lose(scene, 0)); // both have failed in the last 30 s, and b may be tried again since 150
    });
    expect(log.slice(3)).toStrictEqual([
      '0 connected 2 b',
      '50 waiting 2 b ECONNRESET 50',
      '100 connecting 3 a',
      '100 connected 3 a',
      '10000 waiting 3 a ECONNRESET 0',
      '10000 connecting 4 b',
      '10000 connected 4 b',
      '190000 closed 4 b',
      '190000 complete',
    ]);
  });

  it('are tried in order if the delays of several have passed', () => {
    const log = run('abc', 'abc', { resetAfter: 20 }, (scene) => {
      const { v, down } = scene;
      v.at(50, () => ['b', 'c'].forEach((name) => down.delete(name)));
      v.at(150, () => lose(scene, 1)); // a may be tried at 300, b at 250
      v.at(400, () => lose(scene, 2));
    });
    const tries = log.filter((line) => line.includes('connecting')).map((line) => line.replace('connecting ', ''));
    expect(tries).toStrictEqual(['0 1 a', '0 2 b', '0 3 c', '100 4 a', '100 5 b', '150 6 c', '400 7 a', '400 8 b']);
  });

  it('have delays of their own: a connection that lasted resets those of its target only', () => {
    const log = run('ab', 'a', { preferAfter: 0, resetAfter: 1000 }, (scene) => {
      // Each connection to b lasts, so that its delay stays 100 ms.
      for (const at of [2000, 4000, 6000]) scene.v.at(at, () => lose(scene, 1));
    });
    expect(log.filter((line) => / waiting \d+ [ab]/.test(line))).toStrictEqual([
      '0 waiting 1 a ECONNREFUSED 0',
      '2000 waiting 2 b ECONNRESET 0',
      '2000 waiting 3 a ECONNREFUSED 100',
      '4000 waiting 4 b ECONNRESET 0',
      '4000 waiting 5 a ECONNREFUSED 100',
      '6000 waiting 6 b ECONNRESET 0',
      '6000 waiting 7 a ECONNREFUSED 100',
    ]);
    // The second connection to b does not last: its delay is 200 ms, that of a is 400 ms.
    const again = run('ab', 'a', { preferAfter: 0, resetAfter: 1000 }, (scene) => {
      for (const at of [2000, 2300]) scene.v.at(at, () => lose(scene, 1));
    });
    expect(again.filter((line) => / waiting \d+ [ab]/.test(line))).toStrictEqual([
      '0 waiting 1 a ECONNREFUSED 0',
      '2000 waiting 2 b ECONNRESET 0',
      '2000 waiting 3 a ECONNREFUSED 100',
      '2300 waiting 4 b ECONNRESET 0',
      '2300 waiting 5 a ECONNREFUSED 200',
    ]);
  });

  it('are named by the report of retryIf, and share the count of failures', () => {
    const asked: string[] = [];
    const retryIf: PersistentOptions['retryIf'] = (_, { target, attempt, failures }) => {
      asked.push(`${(target as { Name?: string } | undefined)?.Name} ${attempt} ${failures}`);
      return failures < 3;
    };
    expect(run('ab', 'ab', { retryIf }).at(-2)).toBe('100 closed 3 a ECONNREFUSED');
    expect(asked).toStrictEqual(['a 1 1', 'b 2 2', 'a 3 3']);
  });

  it('queue writes for whichever connects', () => {
    const log = inVirtualTime(1000, (v) => {
      const [a, b] = [namedTarget(v, 'a', () => true), namedTarget(v, 'b')];
      const p = persistent([a.target, b.target], { jitter: 0, scheduler: v.scheduler });
      p.write('hello');
    });
    expect(log).toStrictEqual(['0 b: hello']);
  });

  it('cannot be changed by the caller, neither through the list nor through the status', () => {
    const log = inVirtualTime(1000, (v) => {
      const list = [namedTarget(v, 'a').target];
      const p = persistent(list, { jitter: 0, scheduler: v.scheduler });
      list.length = 0;
      p.status$.subscribe(({ target }) => {
        if (target) expect(() => Object.assign(target, { wire: undefined })).toThrow(TypeError);
      });
      noteStatus(v, p);
    });
    expect(log).toStrictEqual(['0 connecting 1 a', '0 connected 1 a']);
  });

  it('are named by each status when a function makes them', () => {
    const log = inVirtualTime(1000, (v) => {
      const { target } = namedTarget(v, 'made');
      const p = persistent(
        (attempt) => {
          if (attempt === 1) throw Object.assign(new Error('no address today'), { code: 'EMINE' });
          return target;
        },
        { jitter: 0, scheduler: v.scheduler },
      );
      noteStatus(v, p);
      v.at(500, p.close);
    });
    expect(log).toStrictEqual([
      '0 connecting 1',
      '0 waiting 1 EMINE 100',
      '100 connecting 2 made',
      '100 connected 2 made',
      '500 closed 2 made',
      '500 complete',
    ]);
  });
});
