// Requests with the token, if there is one, and what is said to the person meanwhile and after.

const output = document.getElementById("said");

export function said(text, kind = "") {
  output.className = kind;
  output.textContent = text;
}

export const api = {
  token: "", // kept in memory only

  async send(method, path, body, headers = {}) {
    const token = this.token && { Authorization: `Bearer ${this.token}` };
    const answer = await fetch(path, { method, body, headers: { ...headers, ...token } });
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? `The service answers ${answer.status}.`);
  },

  get(path) {
    return this.send("GET", path);
  },
};

// Do some work. Say what, and then how it ended.
export async function withTitle(title, work) {
  said(`${title} ...`);
  try {
    said((await work()) ?? "", "good");
  } catch (error) {
    said(error.message, "bad");
  }
}
