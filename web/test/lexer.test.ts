import { marked, type Token, type Tokens } from 'marked';
import { describe, expect, it } from 'vitest';
import { lexBlock, split } from '../src/markdown/lexer';

const options = marked.defaults;

function depth(tokens: Token[] = []): number {
  const below = tokens.map((t) => {
    const { tokens: inside, items } = t as Tokens.Generic;
    return 1 + Math.max(depth(inside), depth(items));
  });
  return Math.max(0, ...below);
}
const inline = (text: string) => (lexBlock(text, {}, options)[0] as Tokens.Paragraph).tokens;

describe('the lexer', () => {
  it('nests what people nest', () => {
    const raw = `${'> '.repeat(5)}${'- '.repeat(5)}*a*`;
    expect([...lexBlock(raw, {}, options)]).toEqual([...marked.lexer(raw)]);
    expect(split('- a\n- b\n\nc', options).tokens.map((t) => t.type)).toEqual(['list', 'space', 'paragraph']);
  });
  it.each(['* - ', '- ', '> ', '1. ', '> - ', '- 1) '])('shows as text what is below 20 of %j', (marker) => {
    const raw = `${marker.repeat(2000)}a`;
    const { tokens } = split(raw, options);
    expect(tokens.map((t) => t.raw).join('')).toBe(raw); // nothing is lost
    // A list and its item are two.
    expect(depth(tokens)).toBeLessThanOrEqual(2 * 20 + 1);
    expect(depth(lexBlock(raw, {}, options))).toBeLessThanOrEqual(2 * 20 + 1);
  });
  it('finds its way out again', () => {
    const { tokens } = split(`${'> '.repeat(100)}a\n\n- b\n\n*c*`, options);
    expect(tokens.filter((t) => t.type !== 'space').map((t) => t.type)).toEqual(['blockquote', 'list', 'paragraph']);
  });
  it.each([
    ['an address', `${'a.'.repeat(8000)}@`],
    ['parentheses', `[a](${'('.repeat(8000)}`],
    ['links', '![a]('.repeat(4000)],
    ['emphasis', '*a '.repeat(1000)],
  ])(
    'shows as text a paragraph that would take long: %s',
    (_, text) => expect(inline(text)).toMatchObject([{ type: 'text', text }]),
  );
  it('reads links, of which none is endless', () => {
    expect(inline('[a](b "c") ![d](<e>) x@y.org')?.map((t) => t.type)).toEqual(['link', 'text', 'image', 'text', 'link']);
    expect(inline(`[a](${'b'.repeat(900)})`)).toMatchObject([{ type: 'link' }]);
    expect(inline(`[a](${'b'.repeat(1100)})`)).toMatchObject([{ type: 'text' }]);
  });
});
