/**
 * Version of the package that published the newest of {@link RELEASED}. A test fails when
 * `package.json` says another one and a migration is missing below: the commit that raises the
 * version pins what it publishes. Until then a migration that is not pinned may still be edited.
 */
export const RELEASED_WITH = '0.0.0'

/**
 * Checksum of every migration that a release has published, for ever: databases have run that text.
 * Add lines; never change one. What a test finds to differ is an edit to undo, and a new migration
 * to write instead.
 */
export const RELEASED: Readonly<Record<string, string>> = {
  ledger_0001_tables: '1d22329a267e68be9e583b2a905aba1db70fd435264a1e9a69cd3dadb24c655e',
  ledger_0002_functions: 'c0f0d33f7dc6f74f2d429e3cac1c4efa2e89cec4ef3da5b6c11226d5db19a160',
}
