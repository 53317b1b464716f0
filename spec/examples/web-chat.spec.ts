import { Subscription } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { webChat } from '../../examples/web-chat/server.ts';
import { chromiumName, launchChromium, type Chromium, type Page } from '../support/chromium.ts';

const why = 'needs Chromium: .ci/install-peers';

describe.skipIf(chromiumName === undefined)(`web-chat (${why})`, () => {
  let chromium: Chromium;
  let url: string;
  const serving = new Subscription();

  beforeAll(async () => {
    chromium = await launchChromium();
    url = await new Promise<string>((resolve, reject) => serving.add(webChat().subscribe({ next: resolve, error: reject })));
  });

  afterAll(async () => {
    serving.unsubscribe();
    await chromium.close();
  });

  /** Opens the page, and joins a room. */
  async function join(room: string, name: string): Promise<Page> {
    const page = await chromium.newPage();
    await page.goto(url);
    await page.evaluate(`document.getElementById('room').value = ${JSON.stringify(room)}`);
    await page.evaluate(`document.getElementById('name').focus()`);
    await page.type(name);
    await page.click('#join button');
    await page.waitFor(shows(`* ${name} joins`));
    return page;
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.evaluate(`document.getElementById('text').focus()`);
    await page.type(text);
    await page.press('Enter');
  }

  const shows = (line: string): string =>
    `[...document.querySelectorAll('#messages li')].some((item) => item.textContent === ${JSON.stringify(line)})`;
  const text = (page: Page, id: string): Promise<string> => page.evaluate<string>(`document.getElementById('${id}').textContent`);

  it('shows what is typed in one page in all pages of the room, and in no other room', async () => {
    const [ann, bob, eve] = [await join('talk', 'ann'), await join('talk', 'bob'), await join('other', 'eve')];
    await ann.waitFor(shows('* bob joins'));
    await say(bob, 'gr\u00fc\u00dfe \u{1f600} <b>not bold</b>');
    await ann.waitFor(shows('<bob> gr\u00fc\u00dfe \u{1f600} <b>not bold</b>'));
    await say(ann, 'hello bob');
    await bob.waitFor(shows('<ann> hello bob'));
    await say(bob, '/quit');
    await ann.waitFor(shows('* bob leaves'));
    await bob.waitFor(`document.getElementById('status').textContent === 'closed'`);
    expect(await eve.evaluate(`document.querySelectorAll('#messages li').length`)).toBe(1);
    expect([...ann.errors, ...bob.errors, ...eve.errors]).toEqual([]);
  });

  it('blocks a page that sends more than the server reads, and no other page', async () => {
    const [flooding, calm, friend] = [await join('flood', 'flooding'), await join('flood', 'calm'), await join('flood', 'friend')];
    expect(await text(flooding, 'blocked')).toBe('free');
    await flooding.click('#flood');
    await flooding.waitFor(`document.getElementById('blocked').textContent === 'blocked'`);
    await flooding.waitFor(`Number(document.getElementById('pending').textContent) > 0`);
    await say(calm, 'still here');
    await friend.waitFor(shows('<calm> still here'));
    // 32 MiB are pulled as they are sent: what waits in the page is bounded by the two marks, of the stream and of the wire.
    expect(Number(await text(flooding, 'pending'))).toBeLessThan(1_000_000);
    expect(await text(flooding, 'status')).toBe('open');
    expect(flooding.errors).toEqual([]);
  });

  it('keeps the messages of a page that does not read, and shows them when it reads again', async () => {
    const [reader, writer] = [await join('pause', 'reader'), await join('pause', 'writer')];
    await reader.click('#pause');
    await say(writer, 'one');
    await writer.waitFor(shows('<writer> one'));
    await say(writer, 'two');
    await writer.waitFor(shows('<writer> two'));
    expect(await reader.evaluate(shows('<writer> one'))).toBe(false);
    await reader.click('#pause');
    await reader.waitFor(shows('<writer> two'));
    expect(await reader.evaluate(shows('<writer> one'))).toBe(true);
  });

  it('shows in a page why it was not accepted', async () => {
    await join('names', 'ann');
    const page = await chromium.newPage();
    await page.goto(url);
    await page.evaluate(`document.getElementById('room').value = 'names'`);
    await page.evaluate(`document.getElementById('name').value = 'ann'`);
    await page.click('#join button');
    await page.waitFor(shows('* that name is taken'));
  });

  it('shows the close code of a connection that was lost', async () => {
    const own = new Subscription();
    const other = await new Promise<string>((resolve) => own.add(webChat().subscribe(resolve)));
    const page = await chromium.newPage();
    await page.goto(other);
    await page.evaluate(`document.getElementById('name').value = 'ann'`);
    await page.click('#join button');
    await page.waitFor(shows('* ann joins'));
    own.unsubscribe();
    await page.waitFor(`document.getElementById('messages').lastChild.textContent.includes('closed with 1006')`);
  });
});
