// Markdown to HTML that cannot hurt, block by block: a growing answer draws its last block anew only.
import DOMPurify from 'dompurify';
import { Marked, type MarkedOptions, Parser, type Tokens } from 'marked';
import { highlight } from './languages';
import { lexBlock, type Links, split } from './lexer';

export interface Block {
  raw: string;
  html: string | undefined; // undefined: show `raw` as it is
}

// What is larger is shown as text.
const kMostBlock = 60_000; // characters
const kMostText = 400_000;
const kBudget = 40; // ms of one render(); the rest comes in the next

const escape = (text: string) =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

const marked = new Marked({
  gfm: true,
  renderer: {
    // What looks like HTML is text of the answer; only the line break of table cells is meant.
    html: ({ text }: Tokens.HTML | Tokens.Tag) => (/^<br\s*\/?>$/i.test(text) ? '<br>' : escape(text)),
    // Nothing is fetched from elsewhere: a picture is a link to it.
    image: ({ href, text }: Tokens.Image) =>
      `<a href="${escape(href)}">${escape(text || 'picture')}</a>`,
    heading({ tokens, depth }: Tokens.Heading) {
      const level = Math.min(depth + 2, 6); // below those of the page
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>\n`;
    },
    code({ text, lang }: Tokens.Code) {
      const language = (lang ?? '').split(/\s/, 1)[0] ?? '';
      const inner = highlight(text, language.toLowerCase()) ?? escape(text);
      return (
        `<div class="code"><div class="code-bar"><span>${escape(language || 'text')}</span>` +
        `<button type="button" class="copy">Copy</button></div>` +
        `<pre tabindex="0"><code>${inner}</code></pre></div>\n`
      );
    },
  },
});
const options = marked.defaults as MarkedOptions;

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer nofollow');
  }
  if (node.tagName === 'INPUT') node.setAttribute('aria-label', 'done'); // of a task list
});

export function sanitize(html: string): string {
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: [
      ...['a', 'blockquote', 'br', 'button', 'code', 'del', 'div', 'em', 'h3', 'h4', 'h5', 'h6', 'hr'],
      ...['input', 'li', 'ol', 'p', 'pre', 'span', 'strong', 'table', 'tbody', 'td', 'th', 'thead'],
      ...['tr', 'ul'],
    ],
    ALLOWED_ATTR: ['align', 'checked', 'class', 'disabled', 'href', 'start', 'tabindex', 'title', 'type'],
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    ADD_URI_SAFE_ATTR: ['align', 'checked', 'disabled', 'start', 'tabindex', 'type'], // no addresses
    ALLOW_ARIA_ATTR: false,
    ALLOW_DATA_ATTR: false,
  });
}

function htmlOf(raw: string, links: Links): string | undefined {
  if (raw.length > kMostBlock) return undefined;
  try {
    const html = Parser.parse(lexBlock(raw, links, options), options);
    return sanitize(html.replace(/<table>[\s\S]*?<\/table>/g, '<div class="table" tabindex="0">$&</div>'));
  } catch {
    return undefined; // whatever else the parser stumbles over
  }
}

export interface Rendered {
  blocks: Block[];
  isWhole: boolean; // false: call again for the blocks that the budget left out
}

// One for each answer on the page: it remembers its blocks.
export class MarkdownView {
  private known = new Map<string, Block>();

  render(text: string): Rendered {
    const asText = { blocks: [{ raw: text, html: undefined }], isWhole: true };
    if (text.length > kMostText) return asText;
    let parts: ReturnType<typeof split>;
    try {
      parts = split(text, options);
    } catch {
      return asText; // whatever else the parser stumbles over
    }
    const next = new Map<string, Block>();
    const end = performance.now() + kBudget;
    let isWhole = true;
    const blocks: Block[] = [];
    for (const { raw, type } of parts.tokens) {
      if (type === 'space' || type === 'def') continue;
      let block = this.known.get(raw);
      if (!block && performance.now() > end) {
        isWhole = false;
        blocks.push({ raw, html: undefined });
        continue;
      }
      block ??= { raw, html: htmlOf(raw, parts.links) };
      next.set(raw, block);
      blocks.push(block);
    }
    this.known = next;
    return { blocks, isWhole };
  }
}
