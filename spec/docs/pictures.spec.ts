import { describe, expect, test } from 'vitest';
import { toMermaid, toSvg } from 'rxjs-io-stream/testing';
import { backpressure, conversation, failedTest, reset } from '../testing/picture/recordings.ts';
import { textOf } from './pages.ts';

const PICTURES = {
  conversation: toSvg(conversation(), { title: 'A knock, a question and a reply' }),
  backpressure: toSvg(backpressure(), { title: 'A fast sender and a slow reader' }),
  reset: toSvg(reset(), { title: 'A reply that was cut' }),
  'failed-test': toSvg(failedTest(), { title: 'expected KNACK to reach the wire, got KNOCK' }),
};

describe('the pictures of the guides', () => {
  // Made in virtual time. After a change of the drawing, `npx vitest run spec/docs/pictures.spec.ts -u` writes them again.
  test.each(Object.entries(PICTURES))('are those that the package draws now: %s', async (name, svg) => {
    await expect(svg).toMatchFileSnapshot(`../../docs/images/picture-${name}.svg`);
    expect(textOf('docs/guides/pictures.md')).toContain(`](../images/picture-${name}.svg)`);
  });

  test('have a diagram of Mermaid that the package draws now', () => {
    expect(textOf('docs/guides/pictures.md')).toContain(`\`\`\`mermaid\n${toMermaid(reset())}\`\`\``);
  });
});
