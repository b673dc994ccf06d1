import { useSearchParams } from 'react-router'

/**
 * What a page shows, as parameters of its address, so that back, reload and a shared link keep it;
 * and a way to set one, or to drop it by an empty value.
 *
 * It starts from the address as it is, not as it was when the page was drawn last: two changes in
 * quick succession both count.
 */
export function useAddress(): [URLSearchParams, (name: string, value: string) => void] {
  const [params, setParams] = useSearchParams()
  function set(name: string, value: string): void {
    const next = new URLSearchParams(location.search)
    if (value === '') next.delete(name)
    else next.set(name, value)
    setParams(next, { replace: true })
  }
  return [params, set]
}
