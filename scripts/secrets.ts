/*
 * `npm run secrets`: makes the secrets of an installation with Compose, once, in `.secrets/`, and
 * tells Compose where they are. `npm run secrets -- --kubernetes` prints them as Secrets of
 * Kubernetes instead: pipe that into `kubectl apply --filename -`.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadSecretFiles, secretsYaml } from '@payflow-app/deployment'

const { values } = parseArgs({
  options: {
    kubernetes: { type: 'boolean', default: false },
    namespace: { type: 'string', default: 'payflow' },
    folder: { type: 'string', default: '.secrets' },
  },
})
const root = resolve(import.meta.dirname, '..')
const folder = resolve(root, values.folder)

try {
  const { files, made } = loadSecretFiles(folder)
  if (values.kubernetes) {
    process.stdout.write(secretsYaml(files, values.namespace))
  } else {
    const settings = resolve(root, '.env')
    const known = existsSync(settings) && /^PAYFLOW_SECRETS=/m.test(readFileSync(settings, 'utf8'))
    if (!known)
      appendFileSync(settings, `PAYFLOW_SECRETS=${folder}\nCOMPOSE_PROJECT_NAME=payflow\n`)
    console.log(`  ${made ? 'made' : 'kept'} ${Object.keys(files).length} secrets in ${folder}`)
    console.log(`  ${known ? 'named' : 'written'} in .env, where docker compose looks for it`)
    console.log('  Next: docker compose up --detach --wait')
  }
} catch (error) {
  console.error(`  ${(error as Error).message}`)
  process.exitCode = 1
}
