/*
 * The public surface of each package as a text file, so that a change of it is seen in review:
 * packages/<name>/api/<entry point>.api.md. Needs a build. `--write` accepts what is there now.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'

const root = resolve(import.meta.dirname, '..')
const write = process.argv.includes('--write')

interface EntryPoint {
  readonly package: string
  /** `index`, or the subpath. */
  readonly name: string
  readonly types: string
}

function entryPointsOf(name: string): EntryPoint[] {
  const folder = `${root}/packages/${name}`
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as {
    exports: Record<string, { types?: string } | string>
  }
  return Object.entries(manifest.exports).flatMap(([path, target]) => {
    if (typeof target === 'string' || target.types === undefined) return []
    const entry = path === '.' ? 'index' : path.slice(2).replaceAll('/', '-')
    return [{ package: name, name: entry, types: resolve(folder, target.types) }]
  })
}

function report(entry: EntryPoint): boolean {
  const folder = `${root}/packages/${entry.package}`
  mkdirSync(`${folder}/api`, { recursive: true })
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: entry.types,
      compiler: { tsconfigFilePath: `${folder}/tsconfig.build.json` },
      newlineKind: 'lf',
      apiReport: {
        enabled: true,
        reportFileName: `${entry.name}.api.md`,
        reportFolder: `${folder}/api`,
        reportTempFolder: `${folder}/node_modules/.cache/api`,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: `${folder}/package.json`,
  })
  const file = `${folder}/api/${entry.name}.api.md`
  const isNew = !existsSync(file)
  const result = Extractor.invoke(config, {
    localBuild: write || isNew,
    messageCallback: (message) => {
      message.handled = true
    },
  })
  if (isNew && !write) rmSync(file, { force: true })
  return !isNew && !result.apiReportChanged
}

const stale = ['ledger', 'idempotency', 'queue', 'reversal']
  .flatMap(entryPointsOf)
  .filter((entry) => !report(entry))
for (const { package: name, name: entry } of stale) {
  console.log(`${write ? 'wrote' : 'changed:'} packages/${name}/api/${entry}.api.md`)
}
if (!write && stale.length > 0) {
  console.error('The public API differs from its reports. If that is meant: npm run api')
  process.exit(1)
}
