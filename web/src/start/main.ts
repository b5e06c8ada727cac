import "../lib/tokens.css";
import "../lib/theme.svelte";
import { mount } from "svelte";
import { keepShell } from "../lib/shell";
import App from "./App.svelte";

mount(App, { target: document.getElementById("app")! });
keepShell();
