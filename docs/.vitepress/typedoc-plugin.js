// Fits TypeDoc's reference to what users import. See `load` for the list.
import { readFileSync } from 'node:fs';
import { Comment, CommentTag, Converter, ReflectionKind } from 'typedoc';
import { MarkdownPageEvent } from 'typedoc-plugin-markdown';

const HEADINGS = /^\/\/ .+/gm;
const DOORS = {
  index: 'rxjs-io-stream',
  nats: 'rxjs-io-stream/nats',
  testing: 'rxjs-io-stream/testing',
  inspect: 'rxjs-io-stream/inspect',
  opentelemetry: 'rxjs-io-stream/opentelemetry',
};

export function load(app) {
  let constant;
  app.converter.on(Converter.EVENT_BEGIN, () => {
    const headings = Object.keys(DOORS).flatMap((door) => indexOf(door).match(HEADINGS));
    app.options.setValue(
      'categoryOrder',
      headings.map((line) => line.slice(3)),
    );
  });
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (reflection.kind === ReflectionKind.Variable && reflection.name === 'IOStream')
      constant = { reflection, program: context.program, symbol: context.getSymbolFromReflection(reflection) };
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const door of project.children) {
      const categories = categoriesOf(door.name);
      door.name = DOORS[door.name];
      for (const child of door.children) setCategory(child, categories.get(child.name));
    }
  });
  // Before the listener above, which gives the class its category.
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => documentClass(context, constant), 1);
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => Object.values(project.reflections).forEach(nameExample));
  const last = -1000;
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => hideBaseClass(project.children[0].getChildByName('IOStream')), last);
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => Object.values(project.reflections).forEach(mergeSignatures), last);
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => Object.values(project.reflections).forEach(showDefault));
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    page.contents = page.contents
      .replace(/docs\/guides\/([\w-]+)\.md/g, '[guide: $1](/guides/$1.md)')
      // VitePress makes the heading `connection:dial` the anchor `connection-dial`.
      .replace(/(Messages(?:\.md)?#(?:connection|server|pool|persistent|mux|nats|directory|rooms))(?=[a-z])/g, '$1-')
      .replace(/^#+ (Default|Inherited from|Overrides)\n\n/gm, '**$1:** ');
  });
}

/** Replaces the constant `IOStream` and the type of the same name by the class that both stand for. It is not exported by its own name. */
function documentClass(context, { reflection, program, symbol }) {
  const { parent, comment } = reflection;
  context.setActiveProgram(program);
  const prototype = context.checker.getTypeOfSymbol(symbol).getProperty('prototype');
  const { symbol: classSymbol } = context.checker.getTypeOfSymbol(prototype);
  const type = parent.children.find(({ name, kind }) => name === 'IOStream' && kind === ReflectionKind.TypeAlias);
  for (const each of [reflection, type]) context.project.removeReflection(each);
  context.converter.convertSymbol(context.withScope(parent), classSymbol, symbol);
  const stream = parent.children.find(({ name }) => name === 'IOStream');
  stream.comment = comment;
  for (const child of stream.children.filter(({ name }) => name.startsWith('#'))) context.project.removeReflection(child);
  context.setActiveProgram(undefined);
}

/** Shows inherited members as own ones: the base class is not exported. */
function hideBaseClass(stream) {
  delete stream.extendedTypes;
  delete stream.typeHierarchy;
  for (const child of stream.children)
    for (const each of [child, child.getSignature, child.setSignature, ...(child.signatures ?? [])].filter(Boolean)) {
      delete each.inheritedFrom;
      delete each.overwrites;
      if (each.kind === ReflectionKind.ConstructorSignature) each.type.name = 'IOStream';
    }
}

/**
 * Keeps one signature of those that differ in the types of the parameters only: they help TypeScript to infer, and the last one is the
 * general one. Text that two signatures share is shown once.
 */
function mergeSignatures(reflection) {
  const { signatures = [], project } = reflection;
  if (signatures.length < 2) return;
  const text = ({ comment }) => Comment.combineDisplayParts(comment?.summary ?? []);
  const key = ({ parameters = [], type }) => `${parameters.map(({ name }) => name).join()}: ${type}`;
  const kept = new Map(signatures.map((signature) => [key(signature), signature]));
  for (const each of signatures.filter((signature) => kept.get(key(signature)) !== signature)) project.removeReflection(each);
  const [first, ...others] = [...kept.values()];
  for (const { comment } of others.filter((other) => text(other) === text(first))) {
    comment.summary = [];
    comment.blockTags = comment.blockTags.filter(({ tag }) => tag === '@returns');
  }
}

/** Shows defaults as text: TypeDoc takes those without code for code. */
function showDefault({ comment }) {
  for (const { content } of comment?.blockTags.filter(({ tag }) => tag === '@default') ?? [])
    for (const part of content.filter(isFence)) Object.assign(part, { kind: 'text', text: part.text.split('\n').slice(1, -1).join(' ') });
}

/** Reads the headings of an index file: a comment names the category of the exports below it. */
function categoriesOf(door) {
  const categories = new Map();
  let category;
  for (const line of indexOf(door).split('\n')) {
    category = line.match(HEADINGS)?.[0].slice(3) ?? category;
    for (const [name] of line.replace(/ from .*/, '').matchAll(/\w+/g)) categories.set(name, category);
  }
  return categories;
}

function indexOf(door) {
  return readFileSync(`src/${door}.ts`, 'utf8');
}

function setCategory(reflection, category) {
  for (const each of reflection.signatures ?? [reflection]) {
    each.comment ??= new Comment();
    each.comment.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: category }]));
  }
}

/** Puts the code at the end of a docstring, which belongs to its last tag, under a heading of its own. */
function nameExample({ comment }) {
  const last = comment?.blockTags.findLast(({ tag, content }) => tag !== '@default' && content.some(isFence));
  if (!last || last.tag === '@example') return;
  const code = last.content.splice(last.content.findIndex(isFence));
  comment.blockTags.unshift(new CommentTag('@example', code));
}

function isFence({ kind, text }) {
  return kind === 'code' && text.startsWith('```');
}
