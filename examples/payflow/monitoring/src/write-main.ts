/*
 * `npm run monitoring`: writes rules, their tests and dashboards anew, from the alerts and panels of
 * this package. A test compares.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generatedFiles } from './files.ts'

const root = join(import.meta.dirname, '../..')
for (const [path, text] of Object.entries(generatedFiles())) {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
