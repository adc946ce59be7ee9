import { readdirSync, readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

// The texts of the licences of all that is in app.js, beside it.
function licenses(): Plugin {
  return {
    name: 'licenses',
    generateBundle(_options, bundle) {
      const packages = new Set<string>();
      for (const file of Object.values(bundle)) {
        if (file.type !== 'chunk') continue;
        for (const id of Object.keys(file.modules)) {
          const inside = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id);
          if (inside?.[1]) packages.add(inside[1]);
        }
      }
      const texts = [...packages].sort().map((name) => {
        const folder = `node_modules/${name}`;
        const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
        const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
        if (!file) throw new Error(`${name}: expected a file LICENSE, found none`);
        const text = readFileSync(`${folder}/${file}`, 'utf8').replace(/\r\n/g, '\n').trim();
        return `${name} ${version} (${license})\n\n${text}\n`;
      });
      this.emitFile({
        type: 'asset',
        fileName: 'licenses.txt',
        source: `The page of onebit contains these libraries.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`,
      });
    },
  };
}

// Fixed names and one file of each kind: the server lists them by name, and dist/ is committed.
export default defineConfig({
  base: './',
  plugins: [licenses()],
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: ['chrome111', 'firefox114', 'safari16.4'],
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        inlineDynamicImports: true,
        entryFileNames: 'app.js',
        assetFileNames: 'app[extname]',
      },
    },
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8080', '/health': 'http://127.0.0.1:8080' } },
  test: { include: ['test/*.test.ts'], setupFiles: ['test/setup.mjs'] },
} as Parameters<typeof defineConfig>[0]);
