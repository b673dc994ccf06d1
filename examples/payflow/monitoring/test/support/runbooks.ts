/** What docs/operating.md says of one alert. */
export interface Runbook {
  readonly money: string
  readonly look: string
  readonly action: string
}

/** The runbooks of docs/operating.md, by the name of their alert. */
export function runbooks(text: string): Map<string, Runbook> {
  const found = [
    ...text.matchAll(
      /^### (Payflow\w+)\n\n- \*\*Money\.\*\* (.+)\n- \*\*Look\.\*\* (.+)\n- \*\*Do\.\*\* (.+)$/gm,
    ),
  ]
  return new Map(
    found.map(([, name = '', money = '', look = '', action = '']) => [
      name,
      { money, look, action },
    ]),
  )
}

/** The statements that runbooks tell to run, with the database of each. */
export function statementsIn(text: string): { database: string; sql: string }[] {
  return [...text.matchAll(/npm run -s look -- sql (\w+) "([^"]+)"/g)].map(
    ([, database = '', sql = '']) => ({ database, sql }),
  )
}
