/*
 * `npm run monitoring`: writes rules, their tests, dashboards and the table of alerts anew, from the
 * alerts and panels of this package. A test compares.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withAlertsTable } from './documents.ts'
import { generatedFiles } from './files.ts'

const root = join(import.meta.dirname, '../..')
for (const [path, text] of Object.entries(generatedFiles())) {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}
const document = join(root, '../../docs/monitoring.md')
writeFileSync(document, withAlertsTable(readFileSync(document, 'utf8')))
