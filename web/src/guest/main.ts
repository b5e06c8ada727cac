import "../lib/tokens.css";
import "../lib/theme.svelte";
import { mount } from "svelte";
import { Auth } from "../lib/auth";
import { keepShell } from "../lib/shell";
import App from "./App.svelte";

// The exchange of the code starts before anything is drawn: it is the longest wait.
const key = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const auth = new Auth("guest");
const first = auth.login?.key === key ? auth.token() : auth.guest(key);
first.catch(() => {}); // the app says what came of it
mount(App, { target: document.getElementById("app")!, props: { auth, key, first } });
keepShell();
