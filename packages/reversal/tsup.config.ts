import { defineConfig } from 'tsup'

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/ledger/index.ts',
    'src/opentelemetry/index.ts',
    'src/cli/index.ts',
    'src/bin.ts',
  ],
  format: 'esm',
  dts: true,
  clean: true,
  tsconfig: 'tsconfig.build.json',
})
