import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/opentelemetry/index.ts', 'src/testing/index.ts'],
  format: 'esm',
  dts: true,
  clean: true,
  tsconfig: 'tsconfig.build.json',
})
