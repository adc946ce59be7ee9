// Marked's lexer in bounded time, whatever a model writes. Small models repeat themselves to the end.
import { Lexer, type MarkedOptions, type Token, Tokenizer, type Tokens, type TokensList } from 'marked';

export type Links = Lexer['tokens']['links'];

// What exceeds these is shown as text; no text for people does.
const kMostNesting = 20; // lists and quotations in each other: each level reads all below it again
// Of a paragraph or cell: marked's time grows with the square of its length ("a.a.a.a.a@"), and the
// more so with unclosed emphasis and links (20 KB of "![a](": minutes).
const kMostInline = 4000; // characters
const kMostLinks = 100;
const kMostEmphasis = 300;
const kMostLink = 1000; // characters of one link, with its text and title

class BoundedTokenizer extends Tokenizer {
  override link(src: string): Tokens.Link | Tokens.Image | undefined {
    return super.link(src.slice(0, kMostLink));
  }
}

class BoundedLexer extends Lexer {
  private nesting = 0;

  constructor(options: MarkedOptions) {
    super({ ...options, tokenizer: new BoundedTokenizer(options) });
  }

  override blockTokens(src: string, tokens?: Token[], isClipped?: boolean): Token[];
  override blockTokens(src: string, tokens?: TokensList, isClipped?: boolean): TokensList;
  override blockTokens(src: string, tokens: Token[] = [], isClipped = false): Token[] {
    if (this.nesting === kMostNesting) {
      this.state.top = true; // as after any block
      return asText(src, tokens);
    }
    this.nesting++;
    super.blockTokens(src, tokens, isClipped);
    this.nesting--;
    return tokens;
  }

  override inlineTokens(src: string, tokens: Token[] = []): Token[] {
    const isHard =
      src.length > kMostInline ||
      src.split('](').length > kMostLinks ||
      (src.match(/[*_~]+/g)?.length ?? 0) > kMostEmphasis;
    return isHard ? asText(src, tokens) : super.inlineTokens(src, tokens);
  }
}

function asText(src: string, tokens: Token[]): Token[] {
  tokens.push({ type: 'text', raw: src, text: src, escaped: false } as Tokens.Text);
  return tokens;
}

// The blocks of a text, without what is in them, and the addresses that it defines for its links.
export function split(text: string, options: MarkedOptions): { tokens: Token[]; links: Links } {
  const lexer = new BoundedLexer(options);
  const tokens = lexer.blockTokens(text.replace(/\r\n?/g, '\n'));
  return { tokens, links: lexer.tokens.links };
}

export function lexBlock(raw: string, links: Links, options: MarkedOptions): Token[] {
  const lexer = new BoundedLexer(options);
  lexer.tokens.links = links;
  return lexer.lex(raw);
}
